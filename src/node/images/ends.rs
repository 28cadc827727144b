//! Programs that surely end where they are to go on running, and why.
//!
//! A command's own end is read from it (`course`). What images do is known from their sources: the shell of an operating system's
//! image, and the interpreter of a language's, has no input and ends; the entry points of docker-library's `postgres`, `mysql` and
//! `mariadb` end with exit code 1 where no variable says what becomes of the password and no data are there; a second program cannot
//! bind a port that another has bound; what else is asked of an image in vain says `refuses`.

use super::known;
use super::{Basis, Course, Found, LISTEN, Listener, arguments, course, of_container, refuses, replaces_program};
use crate::api::core::{Container, Pod};
use crate::cluster::Store;
use crate::msg;
use crate::node::environment::variables;
use crate::words::Message;

/// How a program ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Its exit code.
    pub code: i32,
    /// After how many seconds.
    pub after: i64,
    /// Why, as a sentence about its Pod.
    pub why: Message,
    /// What to try.
    pub next: Message,
    /// The field of the container that makes it so: `.command`.
    pub field: &'static str,
    /// It follows from what is known of the image, not from the manifest alone.
    pub assumed: bool,
}

/// Official images of languages that start a shell, too, Java's own among them.
const LANGUAGES: [&str; 7] = ["golang", "rust", "gcc", "buildpack-deps", "eclipse-temurin", "openjdk", "amazoncorretto"];

/// Official images that start an interpreter, which reads its program from its input: at the end of that it ends well.
const INTERPRETERS: [(&str, &str); 4] = [("python", "python3"), ("node", "node"), ("ruby", "irb"), ("php", "php -a")];

/// Databases that start only with a password: image, where its data lie, what it says, the variables of which one is enough.
const DATABASES: [(&str, &str, &str, &[&str]); 3] = [
    (
        "postgres",
        "/var/lib/postgresql",
        "Error: Database is uninitialized and superuser password is not specified.",
        &["POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE", "POSTGRES_HOST_AUTH_METHOD"],
    ),
    (
        "mysql",
        "/var/lib/mysql",
        "Database is uninitialized and password option is not specified",
        &["MYSQL_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD_FILE", "MYSQL_ALLOW_EMPTY_PASSWORD", "MYSQL_RANDOM_ROOT_PASSWORD"],
    ),
    (
        "mariadb",
        "/var/lib/mysql",
        "Database is uninitialized and password option is not specified",
        &[
            "MARIADB_ROOT_PASSWORD",
            "MARIADB_ROOT_PASSWORD_FILE",
            "MARIADB_ROOT_PASSWORD_HASH",
            "MARIADB_ROOT_PASSWORD_HASH_FILE",
            "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD",
            "MARIADB_RANDOM_ROOT_PASSWORD",
            "MYSQL_ROOT_PASSWORD",
            "MYSQL_ROOT_PASSWORD_FILE",
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "MYSQL_RANDOM_ROOT_PASSWORD",
        ],
    ),
];

/// How the program of a container ends; `None`: it goes on running, as far as anybody can tell.
pub fn end(pod: &Pod, container: &Container, store: &Store) -> Option<End> {
    let (name, own) = (&pod.metadata.name, &container.name);
    if let Some(end) = refuses::program(pod, container) {
        return Some(end);
    }
    if let Course::Ends(code, after) = course(container, &pod.metadata.namespace) {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let why = match after {
            0 => msg!("ends.command", pod = name, container = own, code = code),
            _ => msg!("ends.timed", pod = name, container = own, code = code, seconds = after),
        };
        let field = if container.command.is_empty() { ".args" } else { ".command" };
        return Some(End { code, after, why, next: msg!("ends.command.next"), field, assumed: false });
    }
    shell(name, container)
        .or_else(|| password(pod, container, store))
        .or_else(|| refuses::link(pod, container, store))
        .or_else(|| refuses::upstream(pod, container, store))
        .or_else(|| refuses::files(pod, container))
        .or_else(|| port(pod, container))
        .or_else(|| node_port(pod, container, store))
}

/// Exit code and seconds of a program that surely ends after a while.
pub fn timed(container: &Container) -> Option<(i32, i64)> {
    let mut words = container.command.iter().chain(&container.args);
    if !words.any(|part| part.contains("sleep")) {
        return None;
    }
    match course(container, "") {
        Course::Ends(code, after) if after > 0 => Some((code, i64::try_from(after).unwrap_or(i64::MAX))),
        _ => None,
    }
}

fn shell(pod: &str, container: &Container) -> Option<End> {
    let plain = container.command.is_empty() && container.args.is_empty();
    let fed = container.stdin == Some(true) || container.tty == Some(true);
    if !plain || fed {
        return None;
    }
    let (own, image, official) = (&container.name, known::repository(&container.image), known::official(&container.image));
    let row = known::row(&container.image);
    let ended = |why| Some(End { code: 0, after: 0, why, next: msg!("ends.shell.next"), field: ".image", assumed: true });
    if row.is_some_and(|row| row.images == known::SHELLS) || official.is_some_and(|name| LANGUAGES.contains(&name)) {
        return ended(msg!("ends.shell", pod = pod, container = own, image = image));
    }
    // PHP's images with a web server have a row of their own.
    let (_, program) = INTERPRETERS.iter().find(|(name, _)| official == Some(name) && row.is_none())?;
    ended(msg!("ends.interpreter", pod = pod, container = own, image = image, program = program))
}

fn password(pod: &Pod, container: &Container, store: &Store) -> Option<End> {
    let official = known::official(&container.image)?;
    let (image, data, text, names) = DATABASES.iter().find(|(image, ..)| *image == official)?;
    let words = arguments::words(container);
    let replaced = !container.command.is_empty() || replaces_program(container, &words, known::row(&container.image));
    if replaced || has_data(pod, container, data) {
        return None;
    }
    let values = variables(container, pod, store);
    let set = |name: &&&str| {
        // What comes from somewhere that is not read here may well be something.
        let elsewhere = container.env.iter().any(|own| own.name == **name && own.value_from.is_some());
        elsewhere || values.get(**name).is_some_and(|value| !value.is_empty())
    };
    if names.iter().any(|name| set(&name)) {
        return None;
    }
    let variable = names.first().copied().unwrap_or_default();
    let why = msg!("ends.said", pod = pod.metadata.name, container = container.name, image = image, text = text);
    Some(End { code: 1, after: 0, why, next: msg!("ends.password.next", variable = variable), field: ".env", assumed: true })
}

/// Whether a volume that may hold data from before is mounted there.
pub(super) fn has_data(pod: &Pod, container: &Container, data: &str) -> bool {
    let text = |value: &serde_json::Value, key: &str| value.get(key).and_then(|text| text.as_str()).map(str::to_string);
    container.volume_mounts.iter().any(|mount| {
        let within = text(mount, "mountPath").is_some_and(|path| path.starts_with(data));
        let name = text(mount, "name");
        let volume = pod.spec.volumes.iter().find(|volume| text(volume, "name") == name);
        within && volume.is_none_or(|volume| volume.get("emptyDir").is_none())
    })
}

/// A port that a container before this one has bound. Only what is known of both counts, not what they declare.
fn port(pod: &Pod, container: &Container) -> Option<End> {
    if pod.metadata.annotations.contains_key(LISTEN) {
        return None;
    }
    let own = surely(container);
    let before = pod.spec.containers.iter().take_while(|other| other.name != container.name);
    let later = pod.spec.containers.iter().any(|other| other.name == container.name);
    let taken = before.filter(|_| later && !own.is_empty()).flat_map(surely).find_map(|other| {
        let clash = own.iter().find(|own| own.port == other.port && own.protocol == other.protocol)?;
        Some((other.container, format!("{}/{}", clash.port, clash.protocol.api_name())))
    });
    let (other, port) = taken?;
    let why = msg!("ends.port", pod = pod.metadata.name, container = container.name, other = other, port = port);
    Some(End { code: 1, after: 0, why, next: msg!("ends.port.next"), field: "", assumed: true })
}

/// A port of its node that a running Pod has bound, which uses the node's network, too, and does not say so by a containerPort: where
/// both say so, the scheduler keeps them apart.
fn node_port(pod: &Pod, container: &Container, store: &Store) -> Option<End> {
    if pod.spec.host_network != Some(true) || pod.metadata.annotations.contains_key(LISTEN) {
        return None;
    }
    let own = surely(container);
    let on_node = |other: &&Pod| {
        let (ours, theirs) = (&pod.metadata, &other.metadata);
        let another = (&ours.namespace, &ours.name) != (&theirs.namespace, &theirs.name);
        let stays = theirs.deletion_timestamp.is_none() && !theirs.annotations.contains_key(LISTEN);
        let same = other.spec.node_name == pod.spec.node_name && other.spec.host_network == Some(true);
        another && stays && same
    };
    let others = store.all::<Pod>().filter(|_| !own.is_empty()).filter(on_node);
    let (other, port) = { others }.find_map(|other| {
        let runs = |name: &str| other.status.container_statuses.iter().any(|own| own.name == name && own.state.running.is_some());
        let bound = other.spec.containers.iter().filter(|own| runs(&own.name)).flat_map(surely);
        let taken =
            bound.into_iter().find(|theirs| own.iter().any(|own| own.port == theirs.port && own.protocol == theirs.protocol))?;
        Some((&other.metadata.name, format!("{}/{}", taken.port, taken.protocol.api_name())))
    })?;
    let (name, node) = (&pod.metadata.name, &pod.spec.node_name);
    let why = msg!("ends.nodePort", pod = name, container = container.name, other = other, port = port, node = node);
    Some(End { code: 1, after: 0, why, next: msg!("ends.nodePort.next"), field: "", assumed: true })
}

/// What a container's program surely listens on, once it runs.
fn surely(container: &Container) -> Vec<Listener> {
    let words = arguments::words(container);
    let known = known::row(&container.image).is_some() || known::repository(&container.image).ends_with("agnhost");
    if !known && !arguments::serves(&words) {
        return Vec::new();
    }
    let mut found = Found::default();
    of_container("", container, &mut found);
    found.listeners.retain(|listener| matches!(listener.basis, Basis::Known(_)));
    found.listeners
}
