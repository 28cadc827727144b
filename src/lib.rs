//! kubehop: a Kubernetes Service playground.
#![forbid(unsafe_code)]
