//! How the page is linked.

/// A release's wasm is split after linking (`static/build/`): each constant must keep a data segment of its own, because where one ends
/// and the next begins is written nowhere else.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("TARGET").is_ok_and(|target| target.starts_with("wasm32"))
        && std::env::var("PROFILE").is_ok_and(|profile| profile == "release")
    {
        println!("cargo:rustc-link-arg-bin=playground=--no-merge-data-segments");
    }
}
