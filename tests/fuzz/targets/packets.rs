//! Any request into any cluster: the rule walk ends with a verdict, and the same seed gives the same trace.
//!
//! The input's first line is `FROM TARGET SEED [EVENT]`; the manifests follow.
#![no_main]

use kubehop::kubectl::SourceFile;
use kubehop::random::Seed;
use kubehop::session::{Command, Session};
use kubehop::trace::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let Some((call, text)) = input.split_once('\n') else { return };
    let mut words = call.splitn(4, ' ');
    let Some(Ok(from)) = words.next().map(str::parse) else { return };
    let Some(target) = words.next() else { return };
    let Some(Ok(seed)) = words.next().map(str::parse) else { return };
    let files = vec![SourceFile { name: "web.yaml".into(), text: text.into() }];
    let mut session = Session::default();
    session.handle(Command::Edit { revision: 1, files });
    if let Some(event) = words.next() {
        session.handle(Command::Act { event: event.into() });
    }
    let request = Request { from, target: target.into(), seed: Seed(seed), ..Request::default() };
    let mut again = session.clone();
    let first = session.handle(Command::Send { request: request.clone() });
    let second = again.handle(Command::Send { request: request.clone() });
    assert_eq!(first, second, "the same seed gives the same trace");
    session.handle(Command::Burst { request, count: 10 });
});
