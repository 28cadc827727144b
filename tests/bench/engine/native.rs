//! The same work natively. Without an argument it prints how rule sets grow, as ratios. With one it does a part alone, so that
//! instructions can be counted, which stays the same on a busy machine:
//! `valgrind --tool=callgrind --toggle-collect='*measured*' kubehop-native edit 3`; parts: edit, fresh, counted, walked
//! (verdicts, each by a walk), traced, told, and by name counted-named, walked-named, traced-named.

mod scale;

use kubehop::cluster::Cluster;
use kubehop::data_plane::DataPlane;
use kubehop::kubectl::SourceFile;
use kubehop::random::Seed;
use kubehop::session::{Command, Session};
use kubehop::trace::Request;
use scale::Scale;
use std::hint::black_box;
use std::time::Instant;

fn edit(session: &mut Session, revision: u64, text: String) {
    let files = vec![SourceFile { name: "shop.yaml".into(), text }];
    black_box(session.handle(Command::Edit { revision, files }));
}

fn request(seed: u64) -> Request {
    Request { target: "http://10.0.0.12:30080/".into(), seed: Seed(seed), ..Request::default() }
}

#[inline(never)]
fn measured(part: &str, session: &mut Session, plane: &mut DataPlane, cluster: &Cluster, texts: &[String], count: u64) {
    let mut request = request(0);
    if part.ends_with("-named") {
        request.from = "deployment/web".parse().unwrap_or_default();
        request.target = "http://web/".into();
    }
    if part.starts_with("walked") {
        request.headers.push(("Accept".into(), "*/*".into()));
    }
    for round in 0..count {
        request.seed = Seed(round);
        match part {
            "told" => drop(black_box(plane.send(cluster, &request))),
            "traced" | "traced-named" => drop(black_box(plane.record(cluster, &request))),
            "counted" | "counted-named" | "walked" | "walked-named" => drop(black_box(plane.verdict(cluster, &request))),
            "fresh" => {
                *session = Session::default();
                edit(session, 1, texts[0].clone());
                drop(black_box(session.handle(Command::Send { request: request.clone() })));
            }
            _ => edit(session, round + 3, texts[round as usize % texts.len()].clone()),
        }
    }
}

fn one_part(part: &str, count: u64) {
    let mut session = Session::default();
    let web = include_str!("../web.yaml").to_string();
    let app = include_str!("../app.yaml");
    let shop = |replicas: i32| {
        let one = |i: i32| app.replace("NAME", &format!("app-{i}")).replace("30000", &(30000 + i).to_string());
        let all: Vec<String> = (0..24).map(one).collect();
        all.join("---\n").replacen("replicas: 2", &format!("replicas: {replicas}"), 1)
    };
    let texts = if part == "edit" { vec![shop(3), shop(4), shop(2)] } else { vec![web] };
    edit(&mut session, 1, texts.last().cloned().unwrap_or_default());
    let cluster = session.cluster().cloned().unwrap_or_default();
    let mut plane = DataPlane::program(&cluster);
    plane.send(&cluster, &request(1));
    let start = Instant::now();
    measured(part, &mut session, &mut plane, &cluster, &texts, count);
    println!("{part}: {:.4} ms each", start.elapsed().as_secs_f64() * 1000.0 / count as f64);
}

/// Milliseconds of the best of so many rounds: a busy machine only ever makes one slower.
fn time(rounds: usize, mut work: impl FnMut() -> u32) -> f64 {
    let round = |_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_secs_f64() * 1000.0
    };
    (0..rounds).map(round).fold(f64::INFINITY, f64::min)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let Some(part) = arguments.next() {
        return one_part(&part, arguments.next().and_then(|count| count.parse().ok()).unwrap_or(3));
    }
    const PACKETS: u32 = 500;
    let mut least: Option<(f64, f64)> = None;
    for services in [100, 1000, 5000] {
        let scale = Scale::new(services);
        let (full, change) = (time(4, || scale.full()), time(12, || scale.change()));
        let walk = time(40, || scale.walk(PACKETS)) / f64::from(PACKETS);
        let (first, step) = *least.get_or_insert((full, walk));
        println!(
            "{services:>5} Services x 10 endpoints, {:>6} rules, native: all of them {full:8.1} ms ({:5.1} x those of 100); \
             one Pod replaced {change:6.2} ms ({:5.1} x quicker); one packet {:4.2} x that among 100",
            scale.full(),
            full / first,
            full / change,
            walk / step,
        );
    }
}
