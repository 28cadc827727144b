//! Lessons as data: files, checks, grading.
