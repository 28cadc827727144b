//! Whether the name of an image can be read, in the words of what the kubelet reads it with.
//!
//! Follows `ParseNormalizedNamed` of `github.com/distribution/reference` v0.6.0 and `digest.Parse` of
//! `github.com/opencontainers/go-digest` v1.0.0. Of a name, the part before the first slash is a registry if it has a dot, a colon or a
//! capital letter, or is `localhost`.

const FORMAT: &str = "invalid reference format";

/// Why the kubelet cannot read the name of an image; `None`: it can.
pub fn fault(image: &str) -> Option<String> {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if image.len() == 64 && image.chars().all(hex) {
        return Some(format!("invalid repository name ({image}), cannot specify 64-byte hexadecimal strings"));
    }
    let (registry, rest) = split_registry(image);
    let remote = rest.split(':').next().unwrap_or(&rest);
    if remote.to_lowercase() != remote {
        return Some(format!("{FORMAT}: repository name ({remote}) must be lowercase"));
    }
    parse(registry, &rest).err().map(str::to_string)
}

/// The registry and the rest; what Docker Hub has of its own is in `library/`.
fn split_registry(image: &str) -> (&str, String) {
    const HUB: &str = "docker.io";
    let (registry, rest) = match image.split_once('/') {
        None => (HUB, image),
        Some(("index.docker.io", rest)) => (HUB, rest),
        Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first => {
            (first, rest)
        }
        Some(_) => (HUB, image),
    };
    let library = if registry == HUB && !rest.contains('/') { "library/" } else { "" };
    (registry, format!("{library}{rest}"))
}

/// `Parse`: registry, path, tag and digest.
fn parse(registry: &str, rest: &str) -> Result<(), &'static str> {
    let (named, digest) = rest.split_once('@').map_or((rest, None), |(named, digest)| (named, Some(digest)));
    let after = named.rfind('/').map_or(0, |slash| slash + 1);
    let (path, tag) = match named.get(after..).and_then(|last| last.split_once(':')) {
        Some((_, tag)) => (named.get(..named.len() - tag.len() - 1).unwrap_or_default(), Some(tag)),
        None => (named, None),
    };
    let reads =
        is_registry(registry) && path.split('/').all(is_component) && tag.is_none_or(is_tag) && digest.is_none_or(looks_digest);
    if !reads {
        return Err(FORMAT);
    }
    if path.len() > 255 {
        return Err("repository name must not be more than 255 characters");
    }
    digest.map_or(Ok(()), checksum)
}

/// `host` or `host:port`.
fn is_registry(text: &str) -> bool {
    let label = |label: &str| {
        let plain = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        plain && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    let six = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match six {
        Some((address, port)) => (!address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || c == ':'), port),
        None => {
            let at = text.find(':').unwrap_or(text.len());
            let (host, port) = text.split_at(at);
            (host.split('.').all(label), port)
        }
    };
    let number = |port: &str| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    host && (port.is_empty() || port.strip_prefix(':').is_some_and(number))
}

/// Small letters and digits, between them one dot, one or two underscores, or dashes.
fn is_component(text: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends = text.starts_with(word) && text.ends_with(word);
    ends && text.split(word).all(|between| matches!(between, "" | "." | "_" | "__") || between.chars().all(|c| c == '-'))
}

fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128 && text.starts_with(word) && text.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

/// `sha256:` and at least 32 hexadecimal digits.
fn looks_digest(text: &str) -> bool {
    let Some((algorithm, sum)) = text.split_once(':') else { return false };
    let part =
        |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.chars().all(|c| c.is_ascii_alphanumeric());
    algorithm.split(['-', '_', '+', '.']).all(part) && sum.len() >= 32 && sum.chars().all(|c| c.is_ascii_hexdigit())
}

fn checksum(digest: &str) -> Result<(), &'static str> {
    let (algorithm, sum) = digest.split_once(':').unwrap_or_default();
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ if algorithm.chars().any(|c| c.is_ascii_uppercase()) => return Err("invalid checksum digest format"),
        _ => return Err("unsupported digest algorithm"),
    };
    match sum {
        _ if sum.len() != length => Err("invalid checksum digest length"),
        _ if sum.chars().any(|c| c.is_ascii_uppercase()) => Err("invalid checksum digest format"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `ParseNormalizedNamed` answers.
    #[test]
    fn a_name_that_the_kubelet_cannot_read_is_refused_in_its_words() {
        let (sum, capitals) = ("a".repeat(64), "A".repeat(64));
        let good = [
            "nginx",
            "nginx:1.27",
            "Acme/web",
            "localhost:5000/web",
            "localhost/web:v1",
            "registry.example.com:5000/a/b:c",
            "a__b",
            "a--b",
            "[::1]:5000/web",
            "FOO.example.com/web",
            "nginx:Latest_1",
            "docker.io/library/nginx",
            "example.com/web:V1",
        ];
        for name in good.map(str::to_string).into_iter().chain([format!("web@sha256:{sum}"), format!("web:1@sha256:{sum}")]) {
            assert_eq!(fault(&name), None, "{name}");
        }
        let bad = [
            "nginx:",
            "my image",
            "nginx:1.27:2",
            "nginx:-1",
            "web@sha256:abc",
            "registry.example.com:/a",
            "-web",
            "web-",
            "a___b",
            "a..b",
            "a/b/",
            "/web",
            ":latest",
            "http://nginx",
            "https://ghcr.io/a/b:1",
            "nginx@",
            "image:<tag>",
            "web_:1",
            "a.b-/c",
            "nginx:1.27 ",
            "",
        ];
        for name in bad.map(str::to_string).into_iter().chain([format!("nginx:{}", "a".repeat(129))]) {
            assert_eq!(fault(&name).as_deref(), Some(FORMAT), "{name}");
        }
        let lower = |name: &str| format!("{FORMAT}: repository name ({name}) must be lowercase");
        let words = [
            ("Nginx".to_string(), lower("library/Nginx")),
            ("ghcr.io/Acme/web:1".into(), lower("Acme/web")),
            ("index.docker.io/Nginx".into(), lower("library/Nginx")),
            ("ACME/Web".into(), lower("Web")),
            ("${IMAGE}".into(), lower("library/${IMAGE}")),
            (sum.clone(), format!("invalid repository name ({sum}), cannot specify 64-byte hexadecimal strings")),
            (format!("web@sha256:{}", "a".repeat(40)), "invalid checksum digest length".into()),
            (format!("web@sha256:{capitals}"), "invalid checksum digest format".into()),
            (format!("web@md5:{}", "a".repeat(32)), "unsupported digest algorithm".into()),
            (format!("a/{}", "b".repeat(260)), "repository name must not be more than 255 characters".into()),
        ];
        for (name, told) in words {
            assert_eq!(fault(&name), Some(told), "{name}");
        }
    }
}
