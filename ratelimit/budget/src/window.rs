//! Calendar windows.
