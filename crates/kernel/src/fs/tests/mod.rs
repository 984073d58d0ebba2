//! Rules of the file system, one by one.
