//! All nodes programmed: sends requests through and records what happened.
