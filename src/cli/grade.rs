//! `kubehop grade` and `kubehop lessons check`.

use super::Outcome;
use super::args::{GradeArgs, GradeForm, LessonsArgs, LessonsCommand};
use super::load;
use super::output::{Out, escaped};
use crate::lesson::{self, GoalResult, Lesson};
use serde_json::json;
use std::path::{Path, PathBuf};

struct Graded {
    answer: String,
    results: Vec<GoalResult>,
}

fn read(folder: &Path) -> Result<Lesson, String> {
    let text = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let (lesson, start, solution) = (text("lesson.yaml")?, text("start.yaml")?, text("solution.yaml")?);
    Lesson::read(&lesson, &start, &solution).map_err(|error| format!("{}: {error}", folder.join("lesson.yaml").display()))
}

pub fn grade(args: &GradeArgs, out: &mut Out) -> Result<Outcome, String> {
    let folder = if args.lesson.is_dir() { args.lesson.clone() } else { Path::new("lessons").join(&args.lesson) };
    let lesson = read(&folder)?;
    let mut all = Vec::new();
    for (at, answer) in args.answers.iter().enumerate() {
        let files = load::files(std::slice::from_ref(answer))?;
        all.push(Graded { answer: escaped(&answer.display().to_string()), results: lesson::grade(&lesson, &files) });
        if args.answers.len() > 20 {
            out.progress(at + 1, args.answers.len());
        }
    }
    let texts: Vec<String> = lesson.goals.iter().map(|goal| goal.text.get(out.language()).cloned().unwrap_or_default()).collect();
    let text = match args.output {
        GradeForm::Text => as_text(out, &texts, &all),
        GradeForm::Json => as_json(out, &texts, &all),
        GradeForm::Csv => as_csv(&all),
        GradeForm::Junit => as_junit(out, &folder, &texts, &all),
    };
    out.print(&text);
    Ok(Outcome::of(all.iter().all(passed)))
}

fn passed(graded: &Graded) -> bool {
    graded.results.iter().all(|result| result.passed)
}

fn as_text(out: &Out, texts: &[String], all: &[Graded]) -> String {
    let mut text = String::new();
    for graded in all {
        let reached = graded.results.iter().filter(|result| result.passed).count();
        text.push_str(&format!("{}: {reached}/{}\n", graded.answer, graded.results.len()));
        for (goal, result) in texts.iter().zip(&graded.results) {
            text.push_str(&format!("  [{}] {goal}\n", if result.passed { 'x' } else { ' ' }));
            if let Some(instead) = &result.instead {
                text.push_str(&format!("      {}\n", out.say(instead)));
            }
        }
    }
    text
}

fn as_json(out: &Out, texts: &[String], all: &[Graded]) -> String {
    let one = |graded: &Graded| {
        let goals: Vec<_> = texts
            .iter()
            .zip(&graded.results)
            .map(|(text, result)| json!({"text": text, "passed": result.passed, "instead": result.instead.as_ref().map(|it| out.say(it))}))
            .collect();
        json!({"answer": graded.answer, "passed": passed(graded), "goals": goals})
    };
    format!("{}\n", json!({"answers": all.iter().map(one).collect::<Vec<_>>()}))
}

fn as_csv(all: &[Graded]) -> String {
    let goals = all.first().map_or(0, |graded| graded.results.len());
    let header: String = (1..=goals).map(|goal| format!(",goal{goal}")).collect();
    let mut text = format!("answer,passed{header}\n");
    for graded in all {
        let quoted = format!("\"{}\"", graded.answer.replace('"', "\"\""));
        // A spreadsheet must not read a file's name as a formula.
        let quoted = if graded.answer.starts_with(['=', '+', '-', '@']) { quoted.replacen('"', "\"'", 1) } else { quoted };
        let cells: String = graded.results.iter().map(|result| format!(",{}", result.passed)).collect();
        text.push_str(&format!("{quoted},{}{cells}\n", passed(graded)));
    }
    text
}

fn as_junit(out: &Out, folder: &Path, texts: &[String], all: &[Graded]) -> String {
    let failures = |graded: &Graded| graded.results.iter().filter(|result| !result.passed).count();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for graded in all {
        let (name, tests, failed) = (xml(&graded.answer), graded.results.len(), failures(graded));
        text.push_str(&format!("  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failed}\">\n"));
        for (goal, result) in texts.iter().zip(&graded.results) {
            let class = xml(&folder.display().to_string());
            text.push_str(&format!("    <testcase classname=\"{class}\" name=\"{}\"", xml(goal)));
            match &result.instead {
                Some(instead) => {
                    text.push_str(&format!("><failure message=\"{}\"/></testcase>\n", xml(&out.say(instead))));
                }
                None if result.passed => text.push_str("/>\n"),
                None => text.push_str("><failure/></testcase>\n"),
            }
        }
        text.push_str("  </testsuite>\n");
    }
    text + "</testsuites>\n"
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub fn lessons(args: &LessonsArgs, out: &mut Out) -> Result<Outcome, String> {
    let LessonsCommand::Check { dir } = &args.command;
    let entries = std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|folder| folder.join("lesson.yaml").is_file());
    folders.sort();
    if folders.is_empty() {
        return Err(format!("{}: no folder with a lesson.yaml", dir.display()));
    }
    let mut outcome = Outcome::Well;
    for folder in folders {
        let name = escaped(&folder.display().to_string());
        let flaws = match read(&folder) {
            Ok(lesson) => lesson.flaws(),
            Err(why) => {
                out.error(&format!("error: {why}"));
                outcome = Outcome::BadNews;
                continue;
            }
        };
        let lines: String = flaws.iter().map(|flaw| format!("{name}: {}: {}\n", flaw.place, out.say(&flaw.message))).collect();
        out.print(&if lines.is_empty() { format!("{name}: ok\n") } else { lines });
        outcome = outcome.and(Outcome::of(flaws.is_empty()));
    }
    Ok(outcome)
}
