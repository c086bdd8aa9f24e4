//! What controller and proxy say to each other: a gateway, piece by piece.
