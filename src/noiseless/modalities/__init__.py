"""The kinds of data: one object for each, which owns everything that depends on the kind.

A new kind is one file here: a final subclass of :class:`noiseless.modalities.modality.Modality`, and
``MODALITIES = {NAME: OBJECT}`` with the name that :attr:`noiseless.values.Spec.modality` gives. The rooms below find it
there (:func:`noiseless.registry.modality`).
"""
