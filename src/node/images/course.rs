//! How a program's run goes that is to end: whether an init container does its part.
//!
//! Nobody runs programs here, so this reads what is plain: programs that are known servers, `sleep`, `exit 1`, and the loops by which
//! manifests wait for others (`until nslookup db; do sleep 2; done`). Everything else is unknown, and assumed to end well.

use super::known::{self, Kind};
use super::{arguments, replaces_program, start_error};
use crate::api::core::Container;

/// How the run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// It ends with this exit code, after so many seconds.
    Ends(i32, u64),
    /// It does not end.
    Stays,
    /// It ends when all of these hold.
    Waits(Vec<Wanted>),
    /// Nobody can tell; assumed to end well.
    Unknown,
}

/// What a loop waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The command that is tried again and again, as written.
    pub command: String,
    /// Whose name has to resolve.
    pub host: String,
    /// Who has to take a connection there; `None`: the name is enough.
    pub port: Option<u16>,
}

/// Nobody waits for so many seconds until an init container has done its part.
pub const LONG: u64 = 3600;

/// Where a Pod finds the name of its namespace.
const NAMESPACE: &str = "$(cat /var/run/secrets/kubernetes.io/serviceaccount/namespace)";

/// How the run of a container goes, in a namespace.
pub fn course(container: &Container, namespace: &str) -> Course {
    if start_error(container).is_some() {
        return Course::Ends(128, 0);
    }
    let row = known::row(&container.image);
    let line: Vec<String> =
        container.command.iter().chain(&container.args).map(|part| arguments::fill(part, container)).collect();
    let words = arguments::words(container);
    let Some(first) = line.first() else {
        return match row {
            Some(row) if row.kind != Kind::Tool => Course::Stays,
            _ => Course::Unknown,
        };
    };
    let (program, rest) = (arguments::base_name(first), line.get(1..).unwrap_or_default());
    if let ("sh" | "bash" | "ash" | "dash", Some(script)) = (program, script(rest)) {
        return of_script(&script.replace(NAMESPACE, namespace));
    }
    let waits = program.starts_with("wait-for").then(|| rest.iter().find_map(|word| arguments::socket(word)));
    match (program, waits.flatten()) {
        ("true" | "echo" | "printf" | "date", _) => Course::Ends(0, 0),
        ("false", _) => Course::Ends(1, 0),
        (_, Some((host, port))) if !host.is_empty() => {
            Course::Waits(vec![Wanted { command: line.join(" "), host: host.into(), port: Some(port) }])
        }
        _ if idles(&line) => Course::Stays,
        ("sleep", _) => slept(&line).map_or(Course::Unknown, |seconds| Course::Ends(0, seconds)),
        _ if row.is_some_and(|row| row.kind != Kind::Tool) && !replaces_program(container, &words, row) => Course::Stays,
        _ => Course::Unknown,
    }
}

/// The script of `-c`, `-ec`, `-exc`.
fn script(rest: &[String]) -> Option<&str> {
    let at = rest.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'))?;
    rest.get(at + 1).map(String::as_str)
}

/// `5`, `0.5`, `10m`: in whole seconds, rounded up.
fn seconds(time: &str) -> Option<u64> {
    let (digits, unit) = time.split_at(time.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(time.len()));
    let each = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let more = u64::from(part.bytes().any(|digit| digit != b'0'));
    Some(whole.parse::<u64>().ok()?.saturating_add(more).saturating_mul(each))
}

/// For how many seconds `sleep` with these words sleeps.
fn slept(words: &[String]) -> Option<u64> {
    let (program, times) = words.split_first()?;
    let sleeps = arguments::base_name(program) == "sleep" && !times.is_empty();
    { times.iter() }.map(|time| seconds(time)).try_fold(0u64, |all, time| Some(all.saturating_add(time?))).filter(|_| sleeps)
}

/// `sleep infinity`, `tail -f /dev/null`.
fn idles(words: &[String]) -> bool {
    let mut words = words.iter().map(String::as_str);
    match words.next().map(arguments::base_name) {
        Some("sleep") => words.next() == Some("infinity"),
        Some("tail") => words.any(|word| word.starts_with("-f") || word == "-F"),
        Some("pause") => true,
        _ => false,
    }
}

fn of_script(script: &str) -> Course {
    if let Some(waits) = loops(script) {
        return waits;
    }
    let control = ["if", "for", "while", "until", "case", "trap", "||", "|", "&", "function"];
    let statements: Vec<Vec<String>> =
        script.replace("&&", ";").split([';', '\n']).map(split).filter(|own| !own.is_empty()).collect();
    if statements.iter().flatten().any(|word| control.contains(&word.as_str())) {
        return Course::Unknown;
    }
    let plain = |words: &Vec<String>| {
        matches!(words.first().map(String::as_str), Some("echo" | "sleep" | "date" | "printf" | "true" | "set" | ":"))
    };
    let Some((last, before)) = statements.split_last() else { return Course::Unknown };
    if !before.iter().all(plain) || before.iter().any(|words| idles(words)) {
        return if before.iter().any(|words| idles(words)) { Course::Stays } else { Course::Unknown };
    }
    let sleeps = |words: &&Vec<String>| words.first().is_some_and(|first| first == "sleep");
    let passed = before.iter().filter(sleeps).try_fold(0u64, |all, words| Some(all.saturating_add(slept(words)?)));
    let Some(passed) = passed else { return Course::Unknown };
    let own = slept(last.strip_prefix(&["exec".to_string()]).unwrap_or(last));
    let last: Vec<&str> = last.iter().map(String::as_str).collect();
    match last.as_slice() {
        ["exit", code] => code.parse().map_or(Course::Unknown, |code: u8| Course::Ends(code.into(), passed)),
        ["false"] => Course::Ends(1, passed),
        ["exit" | "true"] | ["echo" | "date" | "printf", ..] => Course::Ends(0, passed),
        ["exec", rest @ ..] | rest if idles(&rest.iter().map(|word| (*word).to_string()).collect::<Vec<_>>()) => Course::Stays,
        _ if own.is_some() => Course::Ends(0, passed.saturating_add(own.unwrap_or(0))),
        _ => Course::Unknown,
    }
}

/// The loops of a script that wait for something, one after another; `None`: it has none.
fn loops(script: &str) -> Option<Course> {
    let (mut wanted, mut rest) = (Vec::new(), script);
    loop {
        let (at, key) = ["until ", "while "].iter().filter_map(|key| Some((rest.find(key)?, *key))).min()?;
        let begun = at == 0 || rest.get(..at).is_some_and(|before| before.ends_with([' ', ';', '\n', '\t', '(']));
        let body = rest.get(at + key.len()..)?;
        let end = [";do", "; do", "\ndo", ";\ndo", "; \ndo"].iter().filter_map(|end| body.find(end)).min()?;
        let (condition, after) = (body.get(..end)?.trim(), body.get(end..)?);
        let condition = match (key, condition.strip_prefix('!')) {
            ("until ", None) => condition,
            ("while ", Some(negated)) => negated.trim(),
            ("while ", None) if matches!(condition, "true" | ":") && !after.contains("break") && !after.contains("exit") => {
                return Some(Course::Stays);
            }
            _ => return Some(Course::Unknown),
        };
        match tried(condition).filter(|_| begun) {
            Some(one) => wanted.push(one),
            None => return Some(Course::Unknown),
        }
        rest = after.split_once("done").map_or("", |(_, rest)| rest);
        if !rest.contains("until ") && !rest.contains("while ") {
            return Some(Course::Waits(wanted));
        }
    }
}

fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_string()).collect()
}

/// What a command asks of whom: `nslookup db`, `nc -z db 5432`, `wget -q http://web/ready`, `pg_isready -h db`.
fn tried(condition: &str) -> Option<Wanted> {
    let plain = condition.split(['>', '|', '&']).next().unwrap_or(condition).trim_end_matches([' ', '2', '1']);
    let plain = if condition.contains(['>', '|', '&']) { plain } else { condition };
    let words = split(plain);
    let program = arguments::base_name(words.first()?);
    let free = |skip: &[&str]| -> Vec<&str> {
        let mut found = Vec::new();
        let mut words = words.iter().skip(1).map(String::as_str);
        while let Some(word) = words.next() {
            if skip.contains(&word) {
                words.next();
            } else if !word.starts_with('-') {
                found.push(word);
            }
        }
        found
    };
    let option = |flag: &str| words.iter().position(|word| word == flag).and_then(|at| words.get(at + 1)).map(String::as_str);
    let at = |host: Option<&str>, usual: u16| {
        Some((host?.to_string(), Some(option("-p").map_or(Some(usual), |port| port.parse().ok())?)))
    };
    let (host, port) = match program {
        "nslookup" | "host" => ((*free(&[]).first()?).to_string(), None),
        "getent" => ((*free(&[]).get(1)?).to_string(), None),
        "nc" | "ncat" | "netcat" => {
            let free = free(&["-w", "-i"]);
            match free.as_slice() {
                [host, port, ..] => ((*host).to_string(), Some(port.parse().ok()?)),
                [both] => both.split_once(':').and_then(|(host, port)| Some((host.to_string(), Some(port.parse().ok()?))))?,
                [] => return None,
            }
        }
        "wget" | "curl" => {
            url(free(&["-O", "-o", "-T", "-m", "--max-time", "--connect-timeout", "-w", "-H", "-X", "-d"]).first()?)?
        }
        "pg_isready" => at(option("-h"), 5432)?,
        "mysqladmin" => at(option("-h"), 3306)?,
        "redis-cli" => at(option("-h"), 6379)?,
        _ => return None,
    };
    let readable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let known = !host.is_empty() && host.chars().all(readable);
    known.then(|| Wanted { command: condition.to_string(), host, port })
}

/// Host and port of an address.
fn url(text: &str) -> Option<(String, Option<u16>)> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let host = rest.split(['/', '?']).next()?;
    let usual = if scheme == "https" { 443 } else { 80 };
    match host.split_once(':') {
        Some((host, port)) => Some((host.to_string(), Some(port.parse().ok()?))),
        None => Some((host.to_string(), Some(usual))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(yaml: &str) -> Course {
        course(&serde_yaml::from_str(&format!("{{name: c, {yaml}}}")).unwrap(), "shop")
    }

    fn waits(command: &str, host: &str, port: Option<u16>) -> Course {
        Course::Waits(vec![Wanted { command: command.into(), host: host.into(), port }])
    }

    #[test]
    fn a_server_never_ends_and_a_plain_command_does() {
        assert_eq!(of("image: nginx"), Course::Stays);
        assert_eq!(of("image: redis, args: [--appendonly, 'yes']"), Course::Stays);
        assert_eq!(of("image: busybox, command: [sleep, infinity]"), Course::Stays);
        assert_eq!(of("image: busybox, command: [sleep, 1d]"), Course::Ends(0, 86_400));
        assert_eq!(of("image: busybox, command: [sleep, '5']"), Course::Ends(0, 5));
        assert_eq!(of("image: busybox, command: [sleep, 1m, 0.5s]"), Course::Ends(0, 61));
        assert_eq!(of("image: busybox, command: [sleep, forever]"), Course::Unknown);
        assert_eq!(of("image: busybox, command: [sh, -c, 'echo hi; sleep 5; date; sleep 2m']"), Course::Ends(0, 125));
        assert_eq!(of("image: busybox, command: [sh, -c, 'sleep 30 && exit 2']"), Course::Ends(2, 30));
        assert_eq!(of("image: busybox, command: [sh, -c, 'sleep 30 &']"), Course::Unknown);
        assert_eq!(of("image: busybox, command: [sh, -c, 'echo hi; exec sleep 3600']"), Course::Ends(0, 3600));
        assert_eq!(of("image: busybox, command: [sh, -c, 'while true; do date; sleep 1; done']"), Course::Stays);
        assert_eq!(of("image: busybox, command: ['false']"), Course::Ends(1, 0));
        assert_eq!(of("image: busybox, command: [sh, -c], args: ['echo no; exit 3']"), Course::Ends(3, 0));
        assert_eq!(of("image: busybox, command: [sh, -c, 'echo hi > /work/index.html']"), Course::Ends(0, 0));
        assert_eq!(of("image: busybox, command: [sh, -c, 'test -f /x || exit 1']"), Course::Unknown);
        assert_eq!(of("image: my/migrate, command: [migrate, up]"), Course::Unknown);
        assert_eq!(of("image: nginx, command: [sh, -c, 'cp -r /a /b']"), Course::Unknown);
    }

    #[test]
    fn a_loop_waits_for_a_name_or_for_somebody_who_takes_a_connection() {
        let own = "nslookup db.$(cat /var/run/secrets/kubernetes.io/serviceaccount/namespace).svc.cluster.local";
        let script = format!("image: busybox, command: [sh, -c, 'until {own}; do echo waiting; sleep 2; done']");
        assert_eq!(of(&script), waits("nslookup db.shop.svc.cluster.local", "db.shop.svc.cluster.local", None));
        let script =
            "image: busybox, command: [sh, -c, 'until nc -zv rabbitmq 5672; do echo waiting for rabbitmq; sleep 2; done;']";
        assert_eq!(of(script), waits("nc -zv rabbitmq 5672", "rabbitmq", Some(5672)));
        let script = "image: busybox, command: [sh, -c, 'while ! nc -z -w 1 $HOST 80 >/dev/null 2>&1; do sleep 1; done'], env: [{name: HOST, value: web}]";
        assert_eq!(of(script), waits("nc -z -w 1 web 80 >/dev/null 2>&1", "web", Some(80)));
        let script =
            "image: curlimages/curl, command: [sh, -ec, \"until curl -sf http://api:8080/ready\\ndo\\n  sleep 1\\ndone\\n\"]";
        assert_eq!(of(script), waits("curl -sf http://api:8080/ready", "api", Some(8080)));
        let script = "image: postgres, command: [sh, -c, 'until pg_isready -h db -p 5433; do sleep 1; done']";
        assert_eq!(of(script), waits("pg_isready -h db -p 5433", "db", Some(5433)));
        assert_eq!(of("image: x, command: [./wait-for, 'redis:6379']"), waits("./wait-for redis:6379", "redis", Some(6379)));
        assert_eq!(of("image: x, command: [sh, -c, 'until test -f /ready; do sleep 1; done']"), Course::Unknown);
        assert_eq!(of("image: x, command: [sh, -c, 'until nslookup $HOST; do sleep 1; done']"), Course::Unknown);
    }
}
