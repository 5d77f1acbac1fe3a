"""Networks and the layers that they share."""
