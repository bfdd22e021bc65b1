//! The log as people read it: search, one record, export.
