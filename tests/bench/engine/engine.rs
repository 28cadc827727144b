//! What the speed comparison calls: many requests inside one call, so that no message is measured.

mod scale;

use kubehop::cluster::Cluster;
use kubehop::data_plane::DataPlane;
use kubehop::kubectl::SourceFile;
use kubehop::random::Seed;
use kubehop::session::{Command, Session};
use kubehop::trace::{Request, Verdict};
use wasm_bindgen::prelude::wasm_bindgen;

/// A cluster that plays one manifest.
#[wasm_bindgen]
pub struct Engine {
    cluster: Cluster,
    plane: DataPlane,
}

#[wasm_bindgen]
impl Engine {
    /// Starts a cluster as the page does.
    #[wasm_bindgen(constructor)]
    pub fn new(text: String) -> Engine {
        let mut session = Session::default();
        let files = vec![SourceFile { name: "web.yaml".into(), text }];
        session.handle(Command::Edit { revision: 1, files });
        let cluster = session.cluster().cloned().unwrap_or_default();
        Engine { plane: DataPlane::program(&cluster), cluster }
    }

    /// Sends so many requests and keeps all that happens on every hop; answers how many were delivered.
    pub fn traced(&mut self, from: &str, target: &str, count: u32) -> u32 {
        self.count(request(from, target), count, |engine, request| engine.plane.record(&engine.cluster, request).verdict())
    }

    /// As `traced`, and every hop is put into words, with its rules as they are written.
    pub fn told(&mut self, from: &str, target: &str, count: u32) -> u32 {
        self.count(request(from, target), count, |engine, request| engine.plane.send(&engine.cluster, request).verdict)
    }

    /// Sends so many requests and keeps the verdicts alone; answers how many were delivered.
    pub fn counted(&mut self, from: &str, target: &str, count: u32) -> u32 {
        self.count(request(from, target), count, |engine, request| engine.plane.verdict(&engine.cluster, request).0)
    }

    /// As `counted`, and every request walks: with a header it is not taken for one like another.
    pub fn walked(&mut self, from: &str, target: &str, count: u32) -> u32 {
        let request = Request { headers: vec![("Accept".into(), "*/*".into())], ..request(from, target) };
        self.count(request, count, |engine, request| engine.plane.verdict(&engine.cluster, request).0)
    }

    fn count(&mut self, mut request: Request, count: u32, mut send: impl FnMut(&mut Engine, &Request) -> Verdict) -> u32 {
        let mut delivered = 0;
        for seed in 1..=u64::from(count) {
            request.seed = Seed(seed);
            delivered += u32::from(send(self, &request) == Verdict::Delivered);
        }
        delivered
    }
}

fn request(from: &str, target: &str) -> Request {
    Request { from: from.parse().unwrap_or_default(), target: target.into(), ..Request::default() }
}

/// Many Services; see `scale.rs`.
#[wasm_bindgen]
pub struct Scale(scale::Scale);

#[wasm_bindgen]
impl Scale {
    /// So many Services.
    #[wasm_bindgen(constructor)]
    pub fn new(services: u32) -> Scale {
        Scale(scale::Scale::new(services))
    }

    /// All rules anew.
    pub fn full(&self) -> u32 {
        self.0.full()
    }

    /// The rules after one Pod was replaced.
    pub fn change(&self) -> u32 {
        self.0.change()
    }

    /// So many packets.
    pub fn walk(&self, packets: u32) -> u32 {
        self.0.walk(packets)
    }
}
