//! The page and its worker: one wasm file, started in two places.

fn main() {
    if !kubehop::app::worker::serve() {
        kubehop::app::render();
    }
}
