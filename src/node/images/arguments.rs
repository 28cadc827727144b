//! Ports that a container's command line names: `-listen=:5678`, `--port 8080`, `python -m http.server 8000`, `nc -lk 9000`.

use crate::api::core::Container;
use crate::packet::Protocol;

/// A port found among the arguments.
pub(super) struct Argument {
    /// The flag without dashes; empty where a known program takes the port plainly.
    pub(super) flag: String,
    /// As written.
    pub(super) text: String,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    pub(super) loopback_only: bool,
    /// The program's own port, not one beside it for metrics and the like.
    pub(super) main: bool,
    /// Nothing else can be meant.
    pub(super) sure: bool,
}

/// Programs that call others: their ports are where they call.
const CLIENTS: &[&str] = &[
    "curl",
    "wget",
    "redis-cli",
    "valkey-cli",
    "psql",
    "pg_isready",
    "mysql",
    "mysqladmin",
    "mongo",
    "mongosh",
    "ping",
    "telnet",
    "ssh",
    "dig",
    "nslookup",
    "ab",
    "hey",
    "wrk",
    "etcdctl",
    "kubectl",
];

/// Programs that open no port: what a script does besides.
const PASSIVE: &[&str] = &[
    "sleep", "pause", "tail", "cat", "true", "false", "echo", "printf", "date", "hostname", "set", "trap", "wait", "exit", ":",
    "for", "done", "fi", "test", "[", "cd", "mkdir", "touch", "cp", "mv", "rm", "chmod", "chown", "ls", "seq", "cut", "grep",
    "sed", "awk", "export", "env", "id", "uname", "infinity", "head", "sort", "nproc",
];

/// What stands before a program in a script, and the shells that run one.
const BEFORE: &[&str] = &[
    "sh",
    "bash",
    "ash",
    "dash",
    "exec",
    "if",
    "while",
    "until",
    "do",
    "then",
    "else",
    "!",
    "time",
    "nohup",
    "tini",
    "dumb-init",
];

/// Programs that listen on a port of their own when none is named.
const SERVERS: &[(&str, u16)] = &[("http.server", 8000), ("SimpleHTTPServer", 8000), ("gunicorn", 8000)];

/// A server that stays on 127.0.0.1 unless it is told an address, as its own documentation says.
struct AtHome {
    program: &'static str,
    /// Its word that serves; empty: none is needed.
    word: &'static str,
    port: u16,
    /// What its variables for address and port begin with (`UVICORN_HOST`); an image may set them unseen.
    prefix: &'static str,
}

const fn at_home(program: &'static str, word: &'static str, port: u16, prefix: &'static str) -> AtHome {
    AtHome { program, word, port, prefix }
}

const AT_HOME: &[AtHome] = &[
    at_home("runserver", "", 8000, ""),
    at_home("uvicorn", "", 8000, "UVICORN_"),
    at_home("fastapi", "dev", 8000, ""),
    at_home("flask", "run", 5000, "FLASK_RUN_"),
    at_home("artisan", "serve", 8000, "SERVER_"),
    at_home("ng", "serve", 4200, ""),
    at_home("mlflow", "server", 5000, "MLFLOW_"),
    at_home("mlflow", "ui", 5000, "MLFLOW_"),
];

impl AtHome {
    fn among(words: &[String]) -> Option<&'static AtHome> {
        let says = |name: &str| words.iter().any(|word| base_name(word) == name);
        AT_HOME.iter().find(|own| says(own.program) && (own.word.is_empty() || says(own.word)))
    }

    /// What the container's own variable of this name says: `HOST`, `PORT`.
    fn told<'a>(&self, name: &str, container: &'a Container) -> Option<&'a str> {
        let name = format!("{}{name}", self.prefix);
        let mut own = container.env.iter().rev().filter(|own| own.name == name && !self.prefix.is_empty());
        own.next().map(|own| own.value.trim())
    }

    fn port(&self, container: &Container) -> u16 {
        self.told("PORT", container).and_then(|value| value.parse().ok()).unwrap_or(self.port)
    }

    /// Whether flags or a variable give it an address that others reach.
    fn goes_out(&self, words: &[String], container: &Container) -> bool {
        let flags = HOST_FLAGS.iter().filter_map(|flag| flag_value(words, flag));
        flags.chain(self.told("HOST", container)).any(|host| !is_loopback(host))
    }
}

/// Flags that name the address apart from the port: `--host 127.0.0.1 --port 8000`.
const HOST_FLAGS: &[&str] = &["host", "bind", "b", "H", "h", "l", "hostname", "address", "bind-address", "listen-host"];

/// Programs and words that take a plain port or address after them.
const PLAIN: &[&str] = &["http.server", "SimpleHTTPServer", "runserver"];

const MAIN_FLAGS: &[&str] = &[
    "p",
    "P",
    "port",
    "l",
    "L",
    "listen",
    "addr",
    "address",
    "bind",
    "b",
    "S",
    "http-port",
    "http-addr",
    "http-address",
    "http",
    "listen-addr",
    "listen-address",
    "listen-port",
    "server-port",
    "server.port",
    "Dserver.port",
    "web.listen-address",
    "bind-address",
    "serve",
];

/// What a port beside the program's own is for, as its flag says: `--metrics-port`, `--management.server.port`.
const BESIDE: &[&str] = &[
    "metrics",
    "health",
    "healthz",
    "probe",
    "grpc",
    "https",
    "secure",
    "admin",
    "telemetry",
    "debug",
    "pprof",
    "console",
    "management",
    "Dmanagement",
    "webhook",
    "udp",
];

/// Flags that name the host that a client calls, apart from its port: `-h db -p 5432`.
const CALLED: &[&str] = &["h", "H", "host", "address", "server"];

/// All words of command and arguments; scripts (`sh -c "…"`) are taken apart, with `;` between commands, and plain variables of the
/// container filled in.
pub(super) fn words(container: &Container) -> Vec<String> {
    let split = |part: &String| -> Vec<String> {
        let part = fill(part, container).replace("\\\n", " ").replace([';', '\n', '(', ')', '`'], " ; ");
        let separators = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
        part.split(separators).filter(|word| !word.is_empty()).map(str::to_string).collect()
    };
    container.command.iter().chain(&container.args).flat_map(split).collect()
}

pub(super) fn fill(text: &str, container: &Container) -> String {
    let mut text = text.to_string();
    for variable in container.env.iter().filter(|variable| !variable.value.is_empty() && !variable.name.is_empty()) {
        for form in [format!("$({})", variable.name), format!("${{{}}}", variable.name), format!("${}", variable.name)] {
            text = text.replace(&form, &variable.value);
        }
    }
    text
}

/// `server` of `/usr/bin/server`.
pub(super) fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether the words start a server that is known by its name: `python -m http.server`.
pub(super) fn serves(words: &[String]) -> bool {
    let known = |word: &String| SERVERS.iter().any(|(name, _)| *name == base_name(word));
    words.iter().any(known) || AtHome::among(words).is_some()
}

/// The commands of a script.
fn commands(words: &[String]) -> impl Iterator<Item = &[String]> {
    words.split(|word| matches!(word.as_str(), ";" | "&&" | "||" | "|" | "&" | "do" | "then"))
}

/// The program that a command runs, without its folder.
fn program(command: &[String]) -> Option<&str> {
    let before = |name: &&str| !name.starts_with('-') && !name.contains('=') && !BEFORE.contains(name);
    command.iter().map(|word| base_name(word)).find(before)
}

/// Whether the words open no port: `sleep 3600`, `tail -f /dev/null`, a script of such commands and of clients.
pub(super) fn idles(words: &[String]) -> bool {
    let passive = |name: &str| PASSIVE.contains(&name) || CLIENTS.contains(&name);
    !words.is_empty() && commands(words).all(|command| program(command).is_none_or(passive)) && program(words).is_some()
}

/// Reads `3000`, `:3000`, `127.0.0.1:3000`, `[::]:3000`, `tcp://0.0.0.0:80`: host and port.
pub(super) fn socket(text: &str) -> Option<(&str, u16)> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', ',']).next().unwrap_or(text);
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    port.parse().ok().filter(|port| *port != 0).map(|port| (host, port))
}

/// Whether only the Pod itself reaches this host address.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// The value of `--flag value` or `--flag=value`.
pub(super) fn flag_value<'a>(words: &'a [String], flag: &str) -> Option<&'a str> {
    let at =
        words.iter().position(|word| word.starts_with('-') && word.trim_start_matches('-').split('=').next() == Some(flag))?;
    let word = words.get(at)?;
    word.split_once('=').map(|(_, value)| value).or_else(|| words.get(at + 1).map(String::as_str))
}

/// Every port that the words say the program listens on.
pub(super) fn listening(words: &[String], container: &Container) -> Vec<Argument> {
    let mut found = Vec::new();
    for command in commands(words) {
        if !program(command).is_some_and(|name| CLIENTS.contains(&name) || PASSIVE.contains(&name)) {
            of_command(command, container, &mut found);
        }
    }
    found
}

fn of_command(words: &[String], container: &Container, found: &mut Vec<Argument>) {
    let before = found.len();
    let netcat = words.iter().any(|word| matches!(base_name(word), "nc" | "ncat" | "netcat"));
    let netcat_listens = words.iter().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('l'));
    if netcat && !netcat_listens {
        return;
    }
    let datagrams = netcat && words.iter().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('u'));
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).map(String::as_str);
        let netcat_port = netcat && word.starts_with('-') && (word.contains('l') || word.ends_with('p'));
        let plain = PLAIN.contains(&word.as_str()) || netcat_port;
        if let Some(argument) = next.filter(|_| plain).and_then(|value| argument("", &format!("{word} {value}"), value)) {
            let protocol = if datagrams { Protocol::Udp } else { Protocol::Tcp };
            found.push(Argument { protocol, ..argument });
        } else if let Some(rest) = word.strip_prefix("TCP-LISTEN:").or_else(|| word.strip_prefix("TCP4-LISTEN:")) {
            found.extend(argument("", word, rest));
        } else if word.starts_with('-') && !netcat {
            found.extend(of_flag(word, next));
        }
    }
    let at_home = AtHome::among(words);
    if found.len() == before {
        let server = words.iter().find_map(|word| SERVERS.iter().find(|(name, _)| *name == base_name(word))).copied();
        let server = server.or_else(|| at_home.map(|own| (own.program, own.port(container))));
        let own = server.and_then(|(name, port)| argument("", name, &port.to_string()));
        // They read files and variables that may name another.
        let configured = server.is_some_and(|(name, _)| name == "gunicorn") || at_home.is_some_and(|own| !own.prefix.is_empty());
        found.extend(own.map(|own| Argument { sure: !configured, ..own }));
    }
    if CALLED.iter().any(|flag| flag_value(words, flag).is_some_and(is_name)) {
        let called = |own: &Argument| matches!(own.flag.as_str(), "p" | "P" | "port" | "server-port");
        let mut at = 0;
        found.retain(|own| {
            at += 1;
            at <= before || !called(own)
        });
    }
    let at_home = at_home.filter(|own| !own.goes_out(words, container));
    if at_home.is_some() || stays_home(words) {
        for argument in found.iter_mut().skip(before) {
            let value = argument.text.rsplit([' ', '=']).next().unwrap_or_default();
            argument.loopback_only |= socket(value).is_none_or(|(host, _)| host.is_empty());
            argument.sure &= stays_home(words) || at_home.is_none_or(|own| own.prefix.is_empty());
        }
    }
}

/// Whether the words keep the program on 127.0.0.1: `--bind 127.0.0.1`.
pub(super) fn stays_home(words: &[String]) -> bool {
    HOST_FLAGS.iter().any(|flag| flag_value(words, flag).is_some_and(is_loopback))
}

fn of_flag(word: &str, next: Option<&str>) -> Option<Argument> {
    let (flag, text, value) = match word.split_once('=') {
        Some((flag, value)) => (flag, word.to_string(), value),
        None => (word, format!("{word} {}", next?), next?),
    };
    // The minus of a sum in a script is no flag.
    let flag = Some(flag.trim_start_matches('-')).filter(|flag| !flag.is_empty())?;
    argument(flag, &text, value)
}

/// Whether a host is a name of another machine: a program listens at an address of its own.
fn is_name(host: &str) -> bool {
    let letters = host.chars().any(|c| c.is_ascii_alphabetic());
    letters && !host.starts_with(['-', '[', '/']) && !host.contains(['$', '=']) && !is_loopback(host) && host != "true"
}

/// Whether a flag names a port beside the program's own.
fn is_beside(flag: &str) -> bool {
    let has = |names: &[&str]| flag.split(['-', '.', '_']).any(|part| names.contains(&part));
    has(BESIDE) && has(&["port", "addr", "address"])
}

fn argument(flag: &str, text: &str, value: &str) -> Option<Argument> {
    let main = flag.is_empty() || MAIN_FLAGS.contains(&flag);
    let beside = !main && (is_beside(flag) || flag == "port-metrics");
    let (host, port) = socket(value).filter(|_| main || beside)?;
    let listens = flag.contains("listen") || flag.contains("bind") || flag == "b";
    // `--address=redis:6379` and `--http=http://api:9000` are where a client calls; a small number after a letter counts something.
    if is_name(host) && (!listens || value.contains("://")) || flag.len() == 1 && port < 20 {
        return None;
    }
    let protocol = if flag == "udp-port" { Protocol::Udp } else { Protocol::Tcp };
    let plain = flag != "server-port" && (flag.contains("port") || matches!(flag, "" | "p"));
    let sure = plain || listens || value.contains(':');
    Some(Argument { flag: flag.into(), text: text.into(), port, protocol, loopback_only: is_loopback(host), main, sure })
}
