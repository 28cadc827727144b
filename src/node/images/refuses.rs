//! Containers that cannot do what their manifest asks of a widely known image: arguments in the place of a program, files that cannot
//! be written, a setting that the kubelet's variable for a Service makes.
//!
//! An image without an ENTRYPOINT runs the first of its `args`: see the Dockerfiles of docker-library's `busybox`, `golang`, `httpd`,
//! `python` and `ruby`, of Alpine, Debian, Ubuntu and Rust. What then fails is told in runc's words, in containerd's frame, reason and
//! exit code (`StartContainer` of `internal/cri/server/container_start.go`); other runtimes and versions word it a little differently.
//! What nginx and httpd write when they start: "Running nginx in read-only mode" of docker-library's docs, nginx/docker-nginx#329 and
//! #978, docker-library/httpd#166. Nothing is said where a volume is mounted around such a place or at the program's configuration, or
//! where its arguments name another. Ports below 1024 do not count: runtimes let every user listen there. nginx's master gives its folders to
//! its workers' user before all else (`ngx_create_pathes` of its `src/core/ngx_file.c`): as root without CAP_CHOWN it ends there. Which
//! capabilities are left says `WithCapabilities` of containerd.

use super::ends::{End, has_data};
use super::{Nginx, arguments, known, replaces_program};
use crate::api::core::{Container, Pod};
use crate::cluster::Store;
use crate::msg;
use crate::node::environment::{is_nobodys, service_links, variables};
use crate::node::security_context::effective;

/// Official images without an ENTRYPOINT, and a program of theirs that takes arguments.
const WITHOUT_ENTRYPOINT: [(&str, &str); 9] = [
    ("alpine", "sh"),
    ("busybox", "sh"),
    ("debian", "bash"),
    ("golang", "go"),
    ("httpd", "httpd-foreground"),
    ("python", "python3"),
    ("ruby", "ruby"),
    ("rust", "cargo"),
    ("ubuntu", "bash"),
];

/// Images whose program ends if a variable is set that the kubelet makes for a Service of that name (`KAFKA_PORT` for `kafka`), and
/// what it says: the `configure` scripts of confluentinc/kafka-images and schema-registry-images, confluentinc/cp-docker-images#286.
const LINKED: [(&str, &str, &str); 3] = [
    ("cp-kafka", "KAFKA_PORT", "port is deprecated. Please use KAFKA_ADVERTISED_LISTENERS instead."),
    ("cp-kafka-rest", "KAFKA_REST_PORT", "PORT is deprecated. Please use KAFKA_REST_LISTENERS instead."),
    ("cp-schema-registry", "SCHEMA_REGISTRY_PORT", "PORT is deprecated. Please use SCHEMA_REGISTRY_LISTENERS instead."),
];

/// A program that takes a Service's variable for a setting of its own. What the manifest itself sets stands before it.
pub(super) fn link(pod: &Pod, container: &Container, store: &Store) -> Option<End> {
    let image = known::repository(&container.image);
    let (_, variable, text) = LINKED.iter().find(|(name, ..)| image.rsplit('/').next() == Some(name))?;
    let replaced = !container.command.is_empty() || variables(container, pod, store).contains_key(*variable);
    let links = service_links(pod, store);
    let value = links.get(*variable).filter(|_| !replaced)?;
    let (name, own) = (&pod.metadata.name, &container.name);
    let service = variable.trim_end_matches("_PORT").to_lowercase().replace('_', "-");
    let why = msg!("ends.said", pod = name, container = own, image = image, text = text);
    let next = msg!("ends.link.next", service = service, variable = variable, value = value);
    Some(End { code: 1, after: 0, why, next, field: "", assumed: true })
}

/// nginx asks for every name of its configuration when it starts, and ends if nobody has it (`ngx_http_upstream.c`, `ngx_inet.c`).
pub(super) fn upstream(pod: &Pod, container: &Container, store: &Store) -> Option<End> {
    let nginx = Nginx::of(pod, container, store)?;
    let lost = nginx.asked().find(|own| is_nobodys(own.host(), pod, store))?;
    let (name, own, image) = (&pod.metadata.name, &container.name, known::repository(&container.image));
    let text = format!("host not found in upstream \"{}\" in {}", lost.named, lost.at);
    let why = msg!("ends.said", pod = name, container = own, image = image, text = text);
    let next = msg!("ends.upstream.next", host = lost.host(), map = lost.map);
    Some(End { code: 1, after: 0, why, next, field: ".volumeMounts", assumed: true })
}

/// The first of a container's arguments, where it is run as a program and none is called so; and the image's own program.
fn argument_as_program(container: &Container) -> Option<(&str, &'static str)> {
    let official = known::official(&container.image)?;
    let (_, program) = WITHOUT_ENTRYPOINT.iter().find(|(image, _)| *image == official)?;
    let first = container.args.first().filter(|first| container.command.is_empty() && first.starts_with('-'))?;
    Some((first, program))
}

/// What Go's `os/exec` says of a program that is not there.
fn absent(program: &str) -> String {
    match program.contains('/') {
        true => format!("exec: \"{program}\": stat {program}: no such file or directory"),
        false => format!("exec: \"{program}\": executable file not found in $PATH"),
    }
}

/// The container runtime's words for a container that it cannot start.
pub fn start_error(container: &Container) -> Option<String> {
    let (first, _) = argument_as_program(container)?;
    let frame = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed";
    Some(format!("{frame}: unable to start container process: error during container init: {}: unknown", absent(first)))
}

/// A container whose arguments stand in the place of a program.
pub(super) fn program(pod: &Pod, container: &Container) -> Option<End> {
    let (first, program) = argument_as_program(container)?;
    let (name, own, image) = (&pod.metadata.name, &container.name, known::repository(&container.image));
    let why = msg!("ends.arguments", pod = name, container = own, image = image, text = absent(first));
    let next = msg!("ends.arguments.next", program = program);
    Some(End { code: 128, after: 0, why, next, field: ".args", assumed: true })
}

/// A server that cannot write what it has to when it starts.
pub(super) fn files(pod: &Pod, container: &Container) -> Option<End> {
    let official = known::official(&container.image)?;
    let words = arguments::words(container);
    let own_files = words.iter().any(|word| word.starts_with("-c") || word.contains("pid") || word.contains("temp_path"));
    if own_files || replaces_program(container, &words, known::row(&container.image)) {
        return None;
    }
    if let Some(end) = (official == "nginx").then(|| chown(pod, container)).flatten() {
        return Some(end);
    }
    let read_only = container.security_context["readOnlyRootFilesystem"] == true;
    let user = effective(pod, container, "runAsUser").and_then(|(user, own)| Some((user.as_i64()?, own)));
    // Root may write everywhere; of what the image's own users may write nothing is known here.
    let other = user.filter(|(user, _)| *user >= 1000);
    let (field, error) = match (read_only, other) {
        (true, _) => (".securityContext.readOnlyRootFilesystem", "30: Read-only file system"),
        (false, Some((_, true))) => (".securityContext.runAsUser", "13: Permission denied"),
        (false, Some((_, false))) => ("", "13: Permission denied"),
        (false, None) => return None,
    };
    let (text, places) = match official {
        "nginx" => nginx(container, error)?,
        "httpd" if read_only => httpd(container)?,
        _ => return None,
    };
    let image = known::repository(&container.image);
    let why = msg!("ends.said", pod = pod.metadata.name, container = container.name, image = image, text = text);
    Some(End { code: 1, after: 0, why, next: msg!("ends.files.next", places = places), field, assumed: true })
}

/// nginx as root that may not give its folders away. Where it cannot make them either, that comes first.
fn chown(pod: &Pod, container: &Container) -> Option<End> {
    let (cache, context) = ("/var/cache/nginx", &container.security_context);
    let caps = |list: &str, name: &str| {
        let list = context["capabilities"][list].as_array().into_iter().flatten();
        list.filter_map(serde_json::Value::as_str).any(|own| own.eq_ignore_ascii_case(name))
    };
    let lacks = caps("drop", "CHOWN") || caps("drop", "ALL") && !caps("add", "CHOWN");
    let root = effective(pod, container, "runAsUser").is_none_or(|(user, _)| user.as_i64() == Some(0));
    let makes = context["readOnlyRootFilesystem"] != true || touches(container, cache);
    if !lacks || !root || !makes || context["privileged"] == true {
        return None;
    }
    if touches(container, "/etc/nginx") || has_data(pod, container, cache) || mounts(container).any(|path| path == "/var") {
        return None;
    }
    let text = format!("nginx: [emerg] chown(\"{cache}/client_temp\", 101) failed (1: Operation not permitted)");
    let image = known::repository(&container.image);
    let why = msg!("ends.said", pod = pod.metadata.name, container = container.name, image = image, text = text);
    let field = ".securityContext.capabilities.drop";
    Some(End { code: 1, after: 0, why, next: msg!("ends.chown.next"), field, assumed: true })
}

/// What nginx says that cannot write, and where it has to.
fn nginx(container: &Container, error: &str) -> Option<(String, String)> {
    let (cache, run) = ("/var/cache/nginx", run_folder(known::tag(&container.image)));
    let places = format!("{cache}, {run}");
    if touches(container, "/etc/nginx") {
        return None;
    }
    if !touches(container, cache) {
        return Some((format!("nginx: [emerg] mkdir() \"{cache}/client_temp\" failed ({error})"), places));
    }
    let pid = mounts(container).any(|path| path == cache) && !touches(container, "/run") && !touches(container, "/var/run");
    pid.then(|| (format!("nginx: [emerg] open() \"{run}/nginx.pid\" failed ({error})"), places))
}

/// Where nginx writes its number: since 1.27.5 in `/run`.
fn run_folder(tag: &str) -> &'static str {
    let version: Vec<u32> = tag.split('-').next().unwrap_or(tag).split('.').map_while(|part| part.parse().ok()).collect();
    match version.as_slice() {
        [1, minor, patch, ..] if (*minor, *patch) < (27, 5) => "/var/run",
        [1, minor] if *minor < 27 => "/var/run",
        _ => "/run",
    }
}

fn httpd(container: &Container) -> Option<(String, String)> {
    let logs = "/usr/local/apache2/logs";
    let untouched = !touches(container, logs) && !touches(container, "/usr/local/apache2/conf");
    untouched.then(|| (format!("AH00100: httpd: could not log pid to file {logs}/httpd.pid"), logs.to_string()))
}

fn mounts(container: &Container) -> impl Iterator<Item = &str> {
    container.volume_mounts.iter().filter_map(|mount| Some(mount.get("mountPath")?.as_str()?.trim_end_matches('/')))
}

/// Whether a volume is mounted at a place, in it, or around it.
fn touches(container: &Container, place: &str) -> bool {
    let within = |path: &str, other: &str| other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    mounts(container).any(|path| within(path, place) || within(place, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(spec: &str, container: &str) -> (Pod, Container) {
        let pod = serde_yaml::from_str(&format!("{{metadata: {{name: p}}, spec: {{{spec}}}}}")).unwrap();
        (pod, serde_yaml::from_str(&format!("{{name: c, {container}}}")).unwrap())
    }

    #[test]
    fn an_argument_is_the_program_of_an_image_without_an_entry_point() {
        let error = |container: &str| start_error(&pod("", container).1);
        let told = error("image: 'python:3', args: [-m, http.server]").unwrap();
        assert!(told.ends_with(": exec: \"-m\": executable file not found in $PATH: unknown"), "{told}");
        let told = error("image: 'docker.io/library/golang', args: [-o=/bin/x]").unwrap();
        assert!(told.ends_with(": exec: \"-o=/bin/x\": stat -o=/bin/x: no such file or directory: unknown"), "{told}");
        for runs in [
            "image: 'python:3', command: [python], args: [-m, http.server]",
            "image: 'python:3', args: [python, -m, http.server]",
            "image: 'node:22', args: [--version]",
            "image: nginx, args: [-g, daemon off;]",
            "image: acme/python, args: [-m, app]",
        ] {
            assert_eq!(error(runs), None, "{runs}");
        }
    }

    fn said(spec: &str, container: &str) -> Option<String> {
        let (pod, container) = pod(spec, container);
        files(&pod, &container).and_then(|end| end.why.args.get("text").cloned())
    }

    #[test]
    fn nginx_and_httpd_have_to_write_files() {
        let closed = "securityContext: {readOnlyRootFilesystem: true}";
        let cache = "nginx: [emerg] mkdir() \"/var/cache/nginx/client_temp\" failed";
        let read_only = "(30: Read-only file system)";
        assert_eq!(said("", &format!("image: nginx, {closed}")), Some(format!("{cache} {read_only}")));
        let denied = Some(format!("{cache} (13: Permission denied)"));
        assert_eq!(said("securityContext: {runAsUser: 1000}", "image: nginx"), denied);
        assert_eq!(said("", "image: nginx, securityContext: {runAsUser: 1000}"), denied);
        let mounted = "volumeMounts: [{name: a, mountPath: /var/cache/nginx}]";
        let pid = |folder: &str| Some(format!("nginx: [emerg] open() \"{folder}/nginx.pid\" failed {read_only}"));
        assert_eq!(said("", &format!("image: nginx, {closed}, {mounted}")), pid("/run"));
        assert_eq!(said("", &format!("image: 'nginx:1.27.4-alpine', {closed}, {mounted}")), pid("/var/run"));
        let httpd = "AH00100: httpd: could not log pid to file /usr/local/apache2/logs/httpd.pid";
        assert_eq!(said("", &format!("image: httpd, {closed}")).as_deref(), Some(httpd));
    }

    #[test]
    fn nginx_as_root_has_to_give_folders_away() {
        let ended =
            Some("nginx: [emerg] chown(\"/var/cache/nginx/client_temp\", 101) failed (1: Operation not permitted)".to_string());
        let volume = "volumes: [{name: a, emptyDir: {}}]";
        let mounted = "volumeMounts: [{name: a, mountPath: /var/cache/nginx}]";
        for (spec, context) in [
            ("", "capabilities: {drop: [ALL]}"),
            ("", "capabilities: {drop: [CHOWN], add: [CHOWN]}"),
            ("", "capabilities: {drop: [ALL], add: [ALL, NET_BIND_SERVICE]}"),
            (volume, "readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}"),
        ] {
            let mounted = if spec.is_empty() { "" } else { mounted };
            assert_eq!(
                said(spec, &format!("image: 'nginx:1.27', securityContext: {{{context}}}, {mounted}")),
                ended,
                "{context}"
            );
        }
        for context in [
            "capabilities: {drop: [ALL], add: [CHOWN, SETGID, SETUID]}",
            "capabilities: {drop: [NET_RAW]}",
            "privileged: true, capabilities: {drop: [ALL]}",
            "runAsUser: 101, capabilities: {drop: [ALL]}",
        ] {
            assert_eq!(said("", &format!("image: nginx, securityContext: {{{context}}}")), None, "{context}");
        }
        assert_eq!(said("", "image: nginxinc/nginx-unprivileged, securityContext: {capabilities: {drop: [ALL]}}"), None);
    }

    #[test]
    fn nothing_is_said_where_it_may_write_elsewhere() {
        let closed = "securityContext: {readOnlyRootFilesystem: true}";
        for runs in [
            "image: nginxinc/nginx-unprivileged, securityContext: {runAsUser: 1000}",
            "image: nginx, securityContext: {runAsUser: 0}",
            "image: nginx, securityContext: {runAsUser: 101}",
            "image: httpd, securityContext: {runAsUser: 1000}",
            &format!(
                "image: nginx, {closed}, volumeMounts: [{{name: a, mountPath: /etc/nginx/nginx.conf, subPath: nginx.conf}}]"
            ),
            &format!(
                "image: nginx, {closed}, volumeMounts: [{{name: a, mountPath: /var/cache/nginx}}, {{name: b, mountPath: /run/}}]"
            ),
            &format!("image: nginx, {closed}, volumeMounts: [{{name: a, mountPath: /var}}]"),
            &format!("image: nginx, {closed}, args: [nginx, -g, 'daemon off; pid /tmp/nginx.pid;']"),
            &format!("image: nginx, {closed}, command: [sleep, infinity]"),
            &format!("image: httpd, {closed}, volumeMounts: [{{name: a, mountPath: /usr/local/apache2/logs}}]"),
        ] {
            assert_eq!(said("", runs), None, "{runs}");
        }
    }
}
