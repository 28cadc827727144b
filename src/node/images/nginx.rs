//! nginx's configuration as ConfigMaps mount it into docker-library's image: where it listens, and to whom it passes requests.
//!
//! Follows nginx's documentation (`listen`, `include`, `upstream`, `proxy_pass`): a `server` without `listen` takes port 80; what is not
//! mounted over stays the image's own (`nginx.conf`, which includes `conf.d/*.conf`, and there `default.conf` on port 80); its entry
//! point fills `templates/*.template` with variables into `conf.d`. Nothing is said where a part of it is not known: a file that no
//! ConfigMap holds, Lua, another command.

use super::{Basis, Listener, arguments, known, listener};
use crate::api::core::{ConfigMap, Container, Pod};
use crate::cluster::Store;
use crate::msg;
use crate::packet::Protocol;
use std::collections::{BTreeMap, BTreeSet};

const HOME: &str = "/etc/nginx";

/// What the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nginx {
    listens: Vec<(u16, Protocol, bool, File)>,
    /// To whom requests are passed on, and who stands in groups, in the order of the text.
    passes: Vec<Pass>,
}

/// Somebody to whom requests are passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The group in which the text names it; empty: requests are passed to it directly.
    group: String,
    /// `http`, `https`; empty for another protocol, and in a group.
    scheme: String,
    /// As it stands in the text: `backend:8080`.
    pub address: String,
    /// As nginx names it where nobody has the name.
    pub named: String,
    /// The file in the container, and its line.
    pub at: String,
    /// The ConfigMap.
    pub map: String,
    /// The Pod's field that mounts it.
    pub field: String,
}

/// A file of a ConfigMap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct File {
    path: String,
    map: String,
    field: String,
    text: String,
}

/// A directive with its words, its line, and what stands in its block.
struct Directive {
    words: Vec<String>,
    line: usize,
    block: Option<Vec<Directive>>,
}

impl Nginx {
    /// The configuration of a container; `None`: it has none of its own, or a part of it is not known.
    pub fn of(pod: &Pod, container: &Container, store: &Store) -> Option<Nginx> {
        let plain = container.command.is_empty() && container.args.is_empty();
        if known::official(&container.image) != Some("nginx") || !plain {
            return None;
        }
        let (files, hidden) = mounted(pod, container, store)?;
        let main = format!("{HOME}/nginx.conf");
        let mut found = Nginx::default();
        match files.get(&main) {
            Some(file) => found.read(file, &files, hidden, 0)?,
            None if files.is_empty() => return None,
            None => found.include(&format!("{HOME}/conf.d/*.conf"), &files, hidden, 0)?,
        }
        Some(found)
    }

    /// Where it listens, as known.
    pub(super) fn listeners(&self, container: &Container) -> Vec<Listener> {
        let one = |(port, protocol, loopback_only, file): &(u16, Protocol, bool, File)| {
            let basis = match file.map.is_empty() {
                true => msg!("listens.image", image = known::repository(&container.image), port = port),
                false => msg!("listens.nginx", map = file.map, port = port),
            };
            let own = listener(container, *port, *protocol, Basis::Known(basis), file.field.clone());
            Listener { loopback_only: *loopback_only, ..own }
        };
        self.listens.iter().map(one).collect()
    }

    fn read(&mut self, file: &File, files: &BTreeMap<String, File>, hidden: bool, depth: usize) -> Option<()> {
        if depth > 4 || file.text.contains("lua") {
            return None;
        }
        let mut text = Text { rest: &file.text, line: 1 };
        let all = text.block()?;
        self.walk(&all, "", file, (files, hidden, depth))
    }

    fn walk(
        &mut self,
        all: &[Directive],
        context: &str,
        file: &File,
        rest @ (files, hidden, depth): (&BTreeMap<String, File>, bool, usize),
    ) -> Option<()> {
        for own in all {
            let (name, value) = (own.words.first()?.as_str(), own.words.get(1).map(String::as_str).unwrap_or_default());
            match (name, &own.block) {
                ("include", None) => self.include(&full(value), files, hidden, depth + 1)?,
                ("listen", None) => self.listens.extend(listens(&own.words, file)),
                ("proxy_pass" | "grpc_pass", None) => self.passes.extend(pass(own, value, file)),
                ("upstream", Some(block)) => {
                    let servers = block.iter().filter(|own| own.words.first().is_some_and(|word| word == "server"));
                    self.passes.extend(servers.filter_map(|server| upstream(server, value, file)));
                }
                ("server", Some(block)) if context != "stream" => {
                    self.walk(block, name, file, rest)?;
                    if !block.iter().any(|own| own.words.first().is_some_and(|word| word == "listen")) {
                        self.listens.push((80, Protocol::Tcp, false, file.clone()));
                    }
                }
                (_, Some(block)) => self.walk(block, if name == "stream" { name } else { context }, file, rest)?,
                _ => {}
            }
        }
        Some(())
    }

    fn include(&mut self, pattern: &str, files: &BTreeMap<String, File>, hidden: bool, depth: usize) -> Option<()> {
        let own = ["mime.types", "fastcgi_params", "fastcgi.conf", "uwsgi_params", "scgi_params", "proxy_params"];
        let modules = pattern.contains("/modules") || pattern.contains("modules-enabled");
        if own.iter().any(|name| pattern == format!("{HOME}/{name}")) || modules {
            return Some(());
        }
        let Some((before, after)) = pattern.split_once('*') else { return self.read(files.get(pattern)?, files, hidden, depth) };
        let fits = |path: &str| {
            let name = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            name.is_some_and(|name| !name.contains('/'))
        };
        for file in files.values().filter(|file| fits(&file.path)) {
            self.read(file, files, hidden, depth)?;
        }
        let default = format!("{HOME}/conf.d/default.conf");
        if fits(&default) && !hidden && !files.contains_key(&default) {
            self.listens.push((80, Protocol::Tcp, false, File::default()));
        }
        Some(())
    }

    /// Those to whom requests go, as addresses: a group's servers where a group is named, each once.
    pub fn targets(&self) -> Vec<(String, &Pass)> {
        let mut found: Vec<(String, &Pass)> = Vec::new();
        for own in self.passes.iter().filter(|own| own.group.is_empty()) {
            let servers: Vec<&Pass> = self.passes.iter().filter(|other| other.group == own.address).collect();
            let servers = if servers.is_empty() { vec![own] } else { servers };
            found.extend(servers.into_iter().map(|server| (server.target(&own.scheme), server)));
        }
        let mut seen = BTreeSet::new();
        found.retain(|(target, _)| seen.insert(target.clone()));
        found
    }

    /// Every name that nginx asks for when it starts: those of groups, called or not, and those that are passed to directly.
    pub fn asked(&self) -> impl Iterator<Item = &Pass> {
        let is_group = |name: &str| self.passes.iter().any(|own| own.group == name);
        self.passes.iter().filter(move |own| !own.group.is_empty() || !is_group(&own.address))
    }
}

impl Pass {
    fn target(&self, scheme: &str) -> String {
        match (scheme, self.address.contains(':')) {
            ("", true) => self.address.clone(),
            ("", false) => format!("{}:80", self.address),
            _ => format!("{scheme}://{}", self.address),
        }
    }

    /// The host without its port.
    pub fn host(&self) -> &str {
        self.address.rsplit_once(':').map_or(&self.address, |(host, _)| host)
    }
}

/// `conf.d/a.conf` as nginx finds it.
fn full(path: &str) -> String {
    if path.starts_with('/') { path.to_string() } else { format!("{HOME}/{path}") }
}

/// The files below nginx's folder, and whether the image's own of `conf.d` are hidden; `None`: some come from elsewhere.
fn mounted(pod: &Pod, container: &Container, store: &Store) -> Option<(BTreeMap<String, File>, bool)> {
    let (mut files, mut hidden) = (BTreeMap::new(), false);
    for mount in &container.volume_mounts {
        let text = |key: &str| mount.get(key).and_then(|own| own.as_str());
        let path = text("mountPath")?.trim_end_matches('/');
        if !path.starts_with(HOME) && !HOME.starts_with(path) {
            continue;
        }
        let at = pod.spec.volumes.iter().position(|own| own.get("name").and_then(|own| own.as_str()) == text("name"))?;
        let source = pod.spec.volumes.get(at)?.get("configMap")?;
        let map = source.get("name")?.as_str()?;
        let data = &store.get::<ConfigMap>(&pod.metadata.namespace, map)?.data;
        let items = source.get("items").and_then(|items| items.as_array());
        let sub = text("subPath");
        hidden |= sub.is_none() && [HOME, "/etc/nginx/conf.d"].contains(&path);
        for (key, content) in data {
            let item = |item: &&serde_json::Value| item.get("key").and_then(|own| own.as_str()) == Some(key);
            let renamed = items.map(|items| items.iter().find(item)?.get("path")?.as_str());
            let Some(name) = renamed.unwrap_or(Some(key)) else { continue };
            let path = match sub {
                Some(sub) if sub != name => continue,
                Some(_) => path.to_string(),
                None => format!("{path}/{name}"),
            };
            let (path, content) = filled(path, content, container);
            files.insert(path.clone(), File { path, map: map.to_string(), field: format!("spec.volumes[{at}]"), text: content });
        }
    }
    Some((files, hidden))
}

/// A template's file and text as the entry point writes them.
fn filled(path: String, text: &str, container: &Container) -> (String, String) {
    let Some(name) = path.strip_prefix("/etc/nginx/templates/").and_then(|name| name.strip_suffix(".template")) else {
        return (path, text.to_string());
    };
    (format!("{HOME}/conf.d/{name}"), arguments::fill(text, container))
}

fn listens(words: &[String], file: &File) -> Option<(u16, Protocol, bool, File)> {
    let value = words.get(1)?;
    let protocol = if words.iter().any(|word| word == "udp") { Protocol::Udp } else { Protocol::Tcp };
    let (host, port) = match value.parse::<u16>() {
        Ok(port) => ("", port),
        Err(_) => arguments::socket(value).unwrap_or((value.as_str(), 80)),
    };
    (!value.starts_with("unix:") && !value.contains('$')).then(|| (port, protocol, arguments::is_loopback(host), file.clone()))
}

fn pass(own: &Directive, value: &str, file: &File) -> Option<Pass> {
    let (scheme, rest) = value.split_once("://").unwrap_or(("", value));
    let address = rest.split('/').next().unwrap_or(rest);
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let scheme = if matches!(scheme, "http" | "https") { scheme } else { "" };
    (!address.contains('$') && !address.starts_with("unix")).then(|| told(own, ("", scheme), address, host, file))
}

fn upstream(own: &Directive, group: &str, file: &File) -> Option<Pass> {
    let address = own.words.get(1)?;
    let known = !address.contains('$') && !address.starts_with("unix:") && !own.words.iter().any(|word| word == "resolve");
    known.then(|| told(own, (group, ""), address, address, file))
}

fn told(own: &Directive, (group, scheme): (&str, &str), address: &str, named: &str, file: &File) -> Pass {
    Pass {
        group: group.into(),
        scheme: scheme.into(),
        address: address.into(),
        named: named.into(),
        at: format!("{}:{}", file.path, own.line),
        map: file.map.clone(),
        field: file.field.clone(),
    }
}

/// What is left of a text, and the line where that begins.
struct Text<'a> {
    rest: &'a str,
    line: usize,
}

impl Text<'_> {
    /// The directives up to the end of a block, or of the text.
    fn block(&mut self) -> Option<Vec<Directive>> {
        let (mut found, mut words, mut line) = (Vec::new(), Vec::new(), self.line);
        loop {
            let Some(word) = self.word()? else { return words.is_empty().then_some(found) };
            match word.as_str() {
                ";" => found.push(Directive { words: std::mem::take(&mut words), line, block: None }),
                "{" => found.push(Directive { words: std::mem::take(&mut words), line, block: Some(self.block()?) }),
                "}" => return words.is_empty().then_some(found),
                _ => {
                    line = if words.is_empty() { self.line } else { line };
                    words.push(word);
                }
            }
            found.last().is_none_or(|own| !own.words.is_empty()).then_some(())?;
        }
    }

    /// The next word or sign; `None` within: the end.
    fn word(&mut self) -> Option<Option<String>> {
        loop {
            let trimmed = self.rest.trim_start();
            self.line += self.rest.get(..self.rest.len() - trimmed.len())?.matches('\n').count();
            self.rest = trimmed;
            if !trimmed.starts_with('#') {
                break;
            }
            self.rest = trimmed.find('\n').map_or("", |end| trimmed.get(end..).unwrap_or_default());
        }
        let Some(first) = self.rest.chars().next() else { return Some(None) };
        let (skip, len) = match first {
            ';' | '{' | '}' => (0, 1),
            '"' | '\'' => (1, self.rest.get(1..)?.find(first)?),
            _ => {
                // `${name}` is part of a word.
                let mut before = ' ';
                let end = self.rest.find(|c: char| {
                    let ends = c.is_whitespace() || c == ';' || c == '{' && before != '$';
                    before = c;
                    ends
                });
                (0, end.unwrap_or(self.rest.len()))
            }
        };
        let word = self.rest.get(skip..skip + len)?.to_string();
        self.rest = self.rest.get(len + 2 * skip..)?;
        Some(Some(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Listeners, targets and asked names of a Pod whose volume `c` is the ConfigMap `c` with one key, mounted as written.
    fn said(mount: &str, key: &str, text: &str) -> String {
        let yaml = format!(
            "{{metadata: {{name: p}}, spec: {{containers: [{{name: n, image: 'nginx:1.27', env: [{{name: API, value: api}}], volumeMounts: [{{name: c, {mount}}}]}}], volumes: [{{name: c, configMap: {{name: c}}}}]}}}}"
        );
        let pod: Pod = serde_yaml::from_str(&yaml).unwrap();
        let mut map = ConfigMap::default();
        map.metadata.name = "c".into();
        map.data.insert(key.into(), text.into());
        let mut store = Store::default();
        store.put(map);
        let Some(nginx) = Nginx::of(&pod, &pod.spec.containers[0], &store) else { return "unknown".into() };
        let home = |own: &Listener| if own.loopback_only { "home:" } else { "" };
        let listens = nginx.listeners(&pod.spec.containers[0]);
        let mut all: Vec<String> =
            listens.iter().map(|own| format!("{}{}/{}", home(own), own.port, own.protocol.api_name())).collect();
        all.extend(nginx.targets().into_iter().map(|(target, pass)| format!("{target}@{}", pass.at)));
        all.extend(nginx.asked().map(|own| format!("?{}", own.named)));
        all.join(" ")
    }

    #[test]
    fn a_file_beside_the_images_own_adds_to_it() {
        let dir = "mountPath: /etc/nginx/conf.d";
        assert_eq!(said(dir, "web.conf", "server { listen 8080; }"), "8080/TCP", "the folder hides default.conf");
        assert_eq!(said(dir, "web.txt", "server { listen 8080; }"), "", "no name that is included");
        let beside = "mountPath: /etc/nginx/conf.d/web.conf, subPath: web.conf";
        assert_eq!(said(beside, "web.conf", "server { listen 8080; }"), "8080/TCP 80/TCP");
        let default = "mountPath: /etc/nginx/conf.d/default.conf, subPath: d";
        assert_eq!(said(default, "d", "server { server_name a; }"), "80/TCP", "without listen");
    }

    #[test]
    fn the_main_file_says_what_is_included() {
        let main = "mountPath: /etc/nginx/nginx.conf, subPath: nginx.conf";
        let http = |text: &str| said(main, "nginx.conf", &format!("events {{}}\nhttp {{ {text} }}"));
        assert_eq!(http("server { listen 127.0.0.1:81; listen [::]:82 ssl; listen unix:/s; }"), "home:81/TCP 82/TCP");
        assert_eq!(http("include mime.types; include conf.d/*.conf; server { listen 81; }"), "80/TCP 81/TCP");
        assert_eq!(http("include /etc/other.conf;"), "unknown");
        assert_eq!(http("server { content_by_lua_block { x = '}' } }"), "unknown");
        assert_eq!(
            said(main, "nginx.conf", "stream { server { listen 53 udp; proxy_pass dns:53; } }"),
            "53/UDP dns:53@/etc/nginx/nginx.conf:1 ?dns"
        );
    }

    #[test]
    fn whom_it_passes_to_stands_with_its_line() {
        let at = "mountPath: /etc/nginx/conf.d";
        let text = "# a\nupstream api {\n  server one:81;\n  server two;\n}\nserver { location / { proxy_pass http://api/; }\n location /b { proxy_pass http://b:82; } location /c { proxy_pass $c; } }";
        assert_eq!(
            said(at, "a.conf", text),
            "80/TCP http://one:81@/etc/nginx/conf.d/a.conf:3 http://two@/etc/nginx/conf.d/a.conf:4 http://b:82@/etc/nginx/conf.d/a.conf:7 ?one:81 ?two ?b"
        );
        let template = "mountPath: /etc/nginx/templates";
        let filled = said(template, "default.conf.template", "server { location / { proxy_pass http://${API}:83; } }");
        assert_eq!(filled, "80/TCP http://api:83@/etc/nginx/conf.d/default.conf:1 ?api");
    }
}
