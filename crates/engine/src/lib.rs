//! The use cases: put, get, copy, multipart, list, delete, versions.
