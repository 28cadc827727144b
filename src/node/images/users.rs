//! As whom the programs of widely known images run: the `USER` of their Dockerfiles. An image without one runs as root, even where its
//! entry point gives that up later, as databases' do.

use super::known;

/// As whom an image runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Root: it names nobody.
    Root,
    /// A user with a name, whose number nobody knows before the image runs.
    Named(&'static str),
    /// A user with a number that is not root's.
    Numbered,
    /// Nobody here knows; taken for one who is not root.
    Unknown,
}

/// Official images of Docker Hub that name no user.
const ROOT: &[&str] = &[
    "almalinux",
    "alpine",
    "amazonlinux",
    "bash",
    "buildpack-deps",
    "busybox",
    "caddy",
    "cassandra",
    "centos",
    "debian",
    "drupal",
    "eclipse-temurin",
    "fedora",
    "gcc",
    "golang",
    "gradle",
    "hello-world",
    "httpd",
    "influxdb",
    "joomla",
    "mariadb",
    "maven",
    "mongo",
    "mysql",
    "nextcloud",
    "nginx",
    "node",
    "openjdk",
    "perl",
    "php",
    "phpmyadmin",
    "postgres",
    "python",
    "rabbitmq",
    "redis",
    "registry",
    "rockylinux",
    "ruby",
    "rust",
    "tomcat",
    "traefik",
    "ubuntu",
    "wordpress",
    "zookeeper",
];

/// Images with a user of their own: the end of the repository, and the user's name.
const NAMED: [(&str, &str); 6] = [
    ("prom/alertmanager", "nobody"),
    ("prom/node-exporter", "nobody"),
    ("prom/prometheus", "nobody"),
    ("prometheus/prometheus", "nobody"),
    ("jenkins/jenkins", "jenkins"),
    ("curlimages/curl", "curl_user"),
];

/// Images whose user is a number.
const NUMBERED: [&str; 4] = ["nginxinc/nginx-unprivileged", "grafana/grafana", "pause", "e2e-test-images/nonroot"];

/// As whom an image runs, if nothing else is said.
pub fn user(image: &str) -> User {
    let repository = known::repository(image);
    let ends = |name: &str| repository.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('/'));
    let publisher = repository.rsplit('/').nth(1).unwrap_or_default();
    match known::official(image) {
        Some("memcached") => return User::Named("memcache"),
        Some("adminer") => return User::Named("adminer"),
        Some(name) if ROOT.contains(&name) => return User::Root,
        _ => {}
    }
    if let Some((_, name)) = NAMED.iter().find(|(image, _)| ends(image)) {
        return User::Named(name);
    }
    if publisher.starts_with("bitnami") || NUMBERED.iter().any(|image| ends(image)) {
        return User::Numbered;
    }
    // Scratch, or Alpine as it is.
    if ends("traefik/whoami") || ends("e2e-test-images/agnhost") || ends("e2e-test-images/busybox") {
        return User::Root;
    }
    User::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_official_image_without_a_user_runs_as_root() {
        for image in ["nginx:1.27", "docker.io/library/postgres", "public.ecr.aws/docker/library/redis:7", "traefik/whoami"] {
            assert_eq!(user(image), User::Root, "{image}");
        }
        assert_eq!(user("memcached:1.6"), User::Named("memcache"));
        assert_eq!(user("quay.io/prometheus/prometheus:v3"), User::Named("nobody"));
        for image in ["nginxinc/nginx-unprivileged", "docker.io/bitnami/nginx", "registry.k8s.io/pause:3.10"] {
            assert_eq!(user(image), User::Numbered, "{image}");
        }
        for image in ["acme/nginx", "example.com/node:20", "redis/redis-stack-server"] {
            assert_eq!(user(image), User::Unknown, "{image}");
        }
    }
}
