//! The same work natively, one part at a time, so that instructions can be counted:
//! `valgrind --tool=callgrind --toggle-collect='*measured*' kubehop-native PART`.

use kubehop::kubectl::SourceFile;
use kubehop::random::Seed;
use kubehop::session::{Command, Session};
use kubehop::trace::Request;

fn edit(session: &mut Session, revision: u64, text: String) {
    let files = vec![SourceFile { name: "shop.yaml".into(), text }];
    std::hint::black_box(session.handle(Command::Edit { revision, files }));
}

fn request(seed: u64) -> Request {
    Request { target: "http://10.0.0.12:30080/".into(), seed: Seed(seed), ..Request::default() }
}

#[inline(never)]
fn measured(part: &str, session: &mut Session, texts: &[String], count: u64) {
    for round in 0..count {
        match part {
            "traced" => drop(std::hint::black_box(session.handle(Command::Send { request: request(round) }))),
            "counted" => {
                drop(std::hint::black_box(session.handle(Command::Burst { request: request(round * 10), count: 10 })))
            }
            "fresh" => {
                *session = Session::default();
                edit(session, 1, texts[0].clone());
                drop(std::hint::black_box(session.handle(Command::Send { request: request(1) })));
            }
            _ => edit(session, round + 3, texts[round as usize % texts.len()].clone()),
        }
    }
}

fn main() {
    let part = std::env::args().nth(1).unwrap_or_else(|| "edit".into());
    let count = std::env::args().nth(2).and_then(|count| count.parse().ok()).unwrap_or(3);
    let mut session = Session::default();
    let web = include_str!("../web.yaml").to_string();
    let app = include_str!("../app.yaml");
    let shop = |replicas: i32| {
        let one = |i: i32| app.replace("NAME", &format!("app-{i}")).replace("30000", &(30000 + i).to_string());
        let all: Vec<String> = (0..24).map(one).collect();
        all.join("---\n").replacen("replicas: 2", &format!("replicas: {replicas}"), 1)
    };
    let texts = match part.as_str() {
        "edit" => vec![shop(3), shop(4), shop(2)],
        _ => vec![web],
    };
    edit(&mut session, 1, texts.last().cloned().unwrap_or_default());
    session.handle(Command::Send { request: request(1) });
    let start = std::time::Instant::now();
    measured(&part, &mut session, &texts, count);
    println!("{part}: {:.3} ms each", start.elapsed().as_secs_f64() * 1000.0 / count as f64);
}
