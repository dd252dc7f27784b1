//! What reloads leave behind: nothing.
