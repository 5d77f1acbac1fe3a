"""Structured strings: grammars, derivations, and the tokens that networks process."""

from noiseless.strings.codec import CharacterCodec, Codec, GrammarCodec, codec_of, of
from noiseless.strings.counting import Counts
from noiseless.strings.grammar import Grammar, Rule, shipped
from noiseless.strings.language import refuse_other
from noiseless.strings.parser import parser

__all__ = [
    "CharacterCodec",
    "Codec",
    "Counts",
    "Grammar",
    "GrammarCodec",
    "Rule",
    "codec_of",
    "of",
    "parser",
    "refuse_other",
    "shipped",
]
