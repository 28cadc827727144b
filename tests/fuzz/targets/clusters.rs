//! Any text as a cluster file: what reads as settings makes a cluster that can be asked, or says why not.
#![no_main]

use kubehop::kubectl::SourceFile;
use kubehop::session::{Command, Session};
use kubehop::settings::Settings;
use libfuzzer_sys::fuzz_target;

const WEB: &str = include_str!("../web.yaml");

fuzz_target!(|text: &str| {
    let Ok(settings) = serde_yaml::from_str::<Settings>(text) else { return };
    let events = settings.start.clone();
    let files = vec![SourceFile { name: "web.yaml".into(), text: WEB.into() }];
    let mut session = Session::default();
    session.handle(Command::Reset { revision: 1, files, settings: Box::new(settings), seed: 1, events });
    session.handle(Command::Kubectl { line: "get all -A -o wide".into() });
    session.handle(Command::Rules { node: "node-1".into() });
});
