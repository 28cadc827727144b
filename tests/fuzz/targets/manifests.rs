//! Any text as a learner's manifests: never a panic, never endless, and an edit on top of it, too.
#![no_main]

use kubehop::kubectl::SourceFile;
use kubehop::session::{Command, Session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let file = |text: &str| vec![SourceFile { name: "web.yaml".into(), text: text.into() }];
    let mut session = Session::default();
    session.handle(Command::Edit { revision: 1, files: file(text) });
    session.handle(Command::Kubectl { line: "get all -A -o yaml".into() });
    let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    session.handle(Command::Edit { revision: 2, files: file(&text[half..]) });
    session.handle(Command::Paste { text: text.into(), into: file("") });
});
