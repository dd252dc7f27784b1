//! Programs and tests of the framework; it exports nothing.
