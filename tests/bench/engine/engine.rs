//! What the speed comparison calls: many requests inside one call, so that no message is measured.

use kubehop::kubectl::SourceFile;
use kubehop::random::Seed;
use kubehop::session::{Command, Reply, Session};
use kubehop::trace::{Request, Verdict};
use wasm_bindgen::prelude::wasm_bindgen;

/// A session on one manifest.
#[wasm_bindgen]
pub struct Engine(Session);

#[wasm_bindgen]
impl Engine {
    /// Starts a cluster.
    #[wasm_bindgen(constructor)]
    pub fn new(text: String) -> Engine {
        let mut session = Session::default();
        let files = vec![SourceFile { name: "web.yaml".into(), text }];
        session.handle(Command::Edit { revision: 1, files });
        Engine(session)
    }

    /// Sends so many requests, every hop recorded; answers how many were delivered.
    pub fn traced(&mut self, target: &str, count: u32) -> u32 {
        let arrives = |seed| {
            let reply = self.0.handle(Command::Send { request: request(target, seed) });
            matches!(reply, Reply::Trace(reply) if reply.trace.verdict == Verdict::Delivered)
        };
        (1..=u64::from(count)).map(arrives).filter(|arrived| *arrived).count() as u32
    }

    /// Sends so many requests and keeps the verdicts alone; answers how many were delivered.
    pub fn counted(&mut self, target: &str, count: u32) -> u32 {
        match self.0.handle(Command::Burst { request: request(target, 1), count }) {
            Reply::Burst(burst) => burst.results.iter().filter(|result| result.verdict == Verdict::Delivered).count() as u32,
            _ => 0,
        }
    }
}

fn request(target: &str, seed: u64) -> Request {
    Request { target: target.into(), seed: Seed(seed), ..Request::default() }
}
