//! From a cluster and a trace to what is drawn: places, routes and timed beats. No DOM.

pub mod view;
