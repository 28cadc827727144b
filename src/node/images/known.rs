//! Images whose programs are widely known: what they listen on, as their own documentation says.

/// What an image is known to do about its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// These ports and no others, whatever the manifest declares.
    Fixed,
    /// These ports out of the box; its configuration often adds more.
    Usual,
    /// A shell, an operating system or a tool: without a command of its own nothing listens.
    Tool,
}

/// One row: repository endings, what the image does, TCP ports, UDP ports, names of its program.
pub(super) struct Row {
    pub(super) images: &'static [&'static str],
    pub(super) kind: Kind,
    pub(super) tcp: &'static [u16],
    pub(super) udp: &'static [u16],
    pub(super) programs: &'static [&'static str],
    /// The flags or the variable by which the program takes its first port.
    pub(super) flags: &'static [&'static str],
}

const fn fixed(
    images: &'static [&'static str],
    tcp: &'static [u16],
    programs: &'static [&'static str],
    flags: &'static [&'static str],
) -> Row {
    Row { images, kind: Kind::Fixed, tcp, udp: &[], programs, flags }
}

const fn usual(images: &'static [&'static str], tcp: &'static [u16], udp: &'static [u16]) -> Row {
    Row { images, kind: Kind::Usual, tcp, udp, programs: &[], flags: &[] }
}

/// A controller whose program stands in its arguments or its image alone.
const fn controller(images: &'static [&'static str], tcp: &'static [u16], programs: &'static [&'static str]) -> Row {
    Row { images, kind: Kind::Usual, tcp, udp: &[], programs, flags: &[] }
}

const fn tool(images: &'static [&'static str]) -> Row {
    Row { images, kind: Kind::Tool, tcp: &[], udp: &[], programs: &[], flags: &[] }
}

/// Images that start a shell, whoever has built them anew.
pub(super) const SHELLS: &[&str] = &[
    "busybox",
    "alpine",
    "ubuntu",
    "debian",
    "centos",
    "fedora",
    "rockylinux",
    "almalinux",
    "amazonlinux",
    "archlinux",
    "bash",
    "nicolaka/netshoot",
];

/// The first row whose image is the repository or ends it after a slash counts, so the more exact names stand first.
pub(super) const ROWS: &[Row] = &[
    fixed(
        &[
            "bitnami/nginx",
            "bitnamilegacy/nginx",
            "bitnamisecure/nginx",
            "nginx-unprivileged",
            "nginxdemos/nginx-hello",
            "chainguard/nginx",
        ],
        &[8080],
        &["nginx"],
        &[],
    ),
    fixed(&["bitnami/apache", "bitnamilegacy/apache", "bitnamisecure/apache"], &[8080, 8443], &["httpd"], &[]),
    fixed(
        &["bitnami/wordpress", "bitnamilegacy/wordpress", "bitnami/drupal", "bitnamilegacy/drupal", "bitnami/joomla"],
        &[8080, 8443],
        &[],
        &[],
    ),
    fixed(&["bitnami/phpmyadmin", "bitnamilegacy/phpmyadmin"], &[8080, 8443], &[], &[]),
    fixed(&["nginxdemos/hello"], &[80], &["nginx"], &[]),
    fixed(&["nginx"], &[80], &["nginx", "nginx-debug"], &[]),
    fixed(&["httpd"], &[80], &["httpd", "httpd-foreground"], &[]),
    fixed(&["traefik/whoami", "containous/whoami"], &[80], &["whoami"], &["port"]),
    fixed(&["jwilder/whoami"], &[8000], &[], &[]),
    fixed(&["hashicorp/http-echo"], &[5678], &["http-echo"], &["listen"]),
    fixed(&["hello-app"], &[8080], &["hello-app"], &["$PORT"]),
    fixed(&["kubernetes-bootcamp"], &[8080], &[], &[]),
    // The conformance tests of Ingress and Gateway have one of their own.
    fixed(&["k8s-staging-ingressconformance/echoserver", "echo-basic"], &[3000], &[], &["$HTTP_PORT"]),
    fixed(&["echoserver"], &[8080], &["nginx"], &[]),
    fixed(&["node-hello", "kicbase/echo-server", "paulbouwer/hello-kubernetes"], &[8080], &[], &["$PORT"]),
    fixed(&["ealen/echo-server"], &[80], &[], &["$PORT"]),
    fixed(&["mendhak/http-https-echo"], &[8080, 8443], &[], &["$HTTP_PORT"]),
    fixed(&["kennethreitz/httpbin", "hpa-example", "docker/getting-started", "gb-frontend"], &[80], &["gunicorn"], &[]),
    fixed(&["mccutchen/go-httpbin"], &[8080], &["go-httpbin"], &["port", "$PORT"]),
    fixed(&["stefanprodan/podinfo"], &[9898], &["podinfo", "./podinfo"], &["port"]),
    fixed(&["subicura/counter"], &[3000], &[], &[]),
    fixed(&["subicura/echo", "subicura/whoami"], &[3000], &[], &[]),
    fixed(&["serve_hostname"], &[9376], &["serve_hostname"], &["port"]),
    fixed(&["gb-redis-follower"], &[6379], &["redis-server"], &["port"]),
    fixed(&["redis", "redis-stack-server", "valkey/valkey", "valkey"], &[6379], &["redis-server", "valkey-server"], &["port"]),
    fixed(&["postgres", "postgis/postgis", "postgresql"], &[5432], &["postgres", "docker-entrypoint.sh"], &["p", "port"]),
    fixed(&["mysql", "percona"], &[3306], &["mysqld", "docker-entrypoint.sh"], &["P", "port"]),
    fixed(&["mariadb"], &[3306], &["mysqld", "mariadbd", "docker-entrypoint.sh"], &["P", "port"]),
    fixed(&["mongo", "mongodb"], &[27017], &["mongod"], &["port"]),
    fixed(&["rabbitmq"], &[5672, 15692, 25672, 4369], &["rabbitmq-server"], &[]),
    fixed(&["memcached"], &[11211], &["memcached"], &["p", "port"]),
    fixed(&["adminer", "tomcat"], &[8080], &["catalina.sh"], &[]),
    fixed(&["phpmyadmin", "wordpress", "nextcloud", "drupal", "joomla"], &[80], &["apache2-foreground"], &[]),
    fixed(&["mongo-express"], &[8081], &[], &["$PORT"]),
    Row {
        images: &["coredns/coredns", "coredns"],
        kind: Kind::Fixed,
        tcp: &[53, 8080, 8181, 9153],
        udp: &[53],
        programs: &["coredns"],
        flags: &[],
    },
    fixed(&["kubehop.dev/ingress-controller"], &[80, 443], &[], &[]),
    fixed(&["pause"], &[], &["/pause"], &[]),
    fixed(&["klipper-lb"], &[], &["entry"], &[]),
    usual(&["caddy", "haproxytech/haproxy-alpine"], &[80], &[]),
    usual(&["traefik"], &[80], &[]),
    // By their flags' defaults: `pkg/flags/flags.go` of ingress-nginx, `pkg/apis/externaldns/types.go` of external-dns, and
    // `internal/apis/config/controller/v1alpha1/defaults.go` of cert-manager.
    controller(
        &[
            "ingress-nginx/controller",
            "ingress-nginx/controller-chroot",
            "kubernetes-ingress-controller/nginx-ingress-controller",
        ],
        &[80, 443, 8181, 10254],
        &["nginx-ingress-controller"],
    ),
    controller(&["external-dns"], &[7979], &["external-dns"]),
    controller(&["cert-manager-controller"], &[9402, 9403], &["controller"]),
    usual(&["grafana/grafana"], &[3000], &[]),
    usual(&["prom/prometheus", "prometheus/prometheus"], &[9090], &[]),
    usual(&["prom/alertmanager", "prometheus/alertmanager"], &[9093], &[]),
    usual(&["prom/node-exporter", "prometheus/node-exporter"], &[9100], &[]),
    usual(&["oliver006/redis_exporter"], &[9121], &[]),
    usual(&["elasticsearch", "elasticsearch/elasticsearch"], &[9200, 9300], &[]),
    usual(&["kibana", "kibana/kibana"], &[5601], &[]),
    usual(&["fluent/fluentd", "fluentd"], &[24224], &[24224]),
    usual(&["fluent/fluent-bit"], &[2020], &[]),
    usual(&["kafka", "cp-kafka"], &[9092], &[]),
    usual(&["zookeeper"], &[2181], &[]),
    usual(&["nats"], &[4222, 8222], &[]),
    usual(&["etcd"], &[2379, 2380], &[]),
    usual(&["consul", "hashicorp/consul"], &[8500], &[8600]),
    usual(&["vault", "hashicorp/vault"], &[8200], &[]),
    usual(&["minio/minio"], &[9000], &[]),
    usual(&["jenkins/jenkins", "jenkins"], &[8080, 50000], &[]),
    usual(&["ghost"], &[2368], &[]),
    usual(&["registry"], &[5000], &[]),
    usual(&["sonatype/nexus3"], &[8081], &[]),
    usual(&["influxdb"], &[8086], &[]),
    usual(&["jaegertracing/all-in-one"], &[16686, 4317, 4318, 5778, 14250, 14268, 14269], &[5775, 6831, 6832]),
    Row {
        images: &["opentelemetry-collector", "opentelemetry-collector-contrib", "opentelemetry-collector-k8s"],
        kind: Kind::Usual,
        tcp: &[4317, 4318, 8888, 13133],
        udp: &[],
        programs: &["otelcol", "otelcol-contrib", "otelcol-k8s"],
        flags: &[],
    },
    usual(&["examplevotingapp_vote", "examplevotingapp_result"], &[80], &[]),
    tool(SHELLS),
    tool(&["curlimages/curl", "curl", "jessie-dnsutils", "dnsutils", "radial/busyboxplus", "toolbox", "kubectl"]),
];

/// The variants of PHP's images with FastCGI: no HTTP, and another port than the web server's.
const FPM: Row = fixed(&[], &[9000], &["php-fpm", "docker-entrypoint.sh"], &[]);

/// PHP's images with a web server in them.
const APACHE: Row = fixed(&[], &[80], &["apache2-foreground"], &[]);

/// The images that come with FastCGI, too, as their tag says.
const PHP: &[&str] = &["php", "wordpress", "nextcloud", "drupal", "joomla", "phpmyadmin", "matomo", "friendica", "adminer"];

/// One subcommand of agnhost: its name, TCP and UDP ports by flag (`k8s.io/kubernetes/test/images/agnhost`).
pub(super) struct Agnhost {
    pub(super) name: &'static str,
    pub(super) tcp: &'static [(&'static str, u16)],
    pub(super) udp: &'static [(&'static str, u16)],
}

const fn agnhost(name: &'static str, tcp: &'static [(&'static str, u16)]) -> Agnhost {
    Agnhost { name, tcp, udp: &[] }
}

/// The subcommands that listen; all others, `pause` among them, do not.
pub(super) const AGNHOST: &[Agnhost] = &[
    Agnhost { name: "netexec", tcp: &[("http-port", 8080)], udp: &[("udp-port", 8081)] },
    agnhost("serve-hostname", &[("port", 9376)]),
    agnhost("test-webserver", &[("port", 80)]),
    agnhost("guestbook", &[("http-port", 80)]),
    agnhost("nettest", &[("port", 8080)]),
    agnhost("liveness", &[("port", 8080)]),
    agnhost("no-snat-test", &[("port", 8080)]),
    agnhost("no-snat-test-proxy", &[("port", 31235)]),
    agnhost("tcp-reset", &[("port", 8080)]),
    agnhost("grpc-health-checking", &[("port", 5000), ("http-port", 8080)]),
    agnhost("fake-registry-server", &[("port", 5000)]),
    agnhost("resource-consumer-controller", &[("port", 8080)]),
    agnhost("webhook", &[("port", 443)]),
    agnhost("crd-conversion-webhook", &[("port", 443)]),
];

/// Whether the image's tag says FastCGI.
pub(super) fn is_fpm(image: &str) -> bool {
    let fpm = tag(image).split('-').any(|part| matches!(part, "fpm" | "fastcgi") || part.starts_with("fpm"));
    fpm && repository(image).rsplit('/').next().is_some_and(|name| PHP.contains(&name))
}

/// The name of an official image of Docker Hub, wherever it is mirrored: `nginx` of `public.ecr.aws/docker/library/nginx`.
pub(super) fn official(image: &str) -> Option<&str> {
    let repository = repository(image);
    match repository.strip_prefix("docker.io/").unwrap_or(repository).rsplit_once('/') {
        None => Some(repository.strip_prefix("docker.io/").unwrap_or(repository)),
        Some((before, name)) => (before == "library" || before.ends_with("/library")).then_some(name),
    }
}

/// The tag of an image reference; empty where none is written.
pub(super) fn tag(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    name.get(repository(image).len() + 1..).unwrap_or_default()
}

/// The row of an image reference: registry and digest do not count, and the tag only where it says another server.
pub(super) fn row(image: &str) -> Option<&'static Row> {
    let repository = repository(image);
    if is_fpm(image) {
        return Some(&FPM);
    }
    if (repository == "php" || repository.ends_with("/php")) && tag(image).contains("apache") {
        return Some(&APACHE);
    }
    ROWS.iter().find(|row| {
        row.images
            .iter()
            .any(|name| repository.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('/')))
    })
}

/// Folders of registries in which images of everybody's are.
const COMMON: &[&str] = &["library", "docker", "google-samples", "google_containers", "google-containers", "e2e-test-images"];

/// Whether an image lies in the folder of somebody whom its row does not name.
pub(super) fn is_foreign(image: &str, row: &Row) -> bool {
    let Some((before, name)) = repository(image).rsplit_once('/') else { return false };
    let is_registry = |part: &&str| part.contains(['.', ':']) || *part == "localhost";
    let mut folders = before.split('/').filter(|part| !is_registry(part) && !COMMON.contains(part));
    row.images.contains(&name) && folders.next().is_some()
}

/// `ghcr.io/subicura/counter` of `ghcr.io/subicura/counter:latest@sha256:…`.
pub(super) fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rfind(':') {
        // A colon before the last slash belongs to the registry's port.
        Some(colon) if !image[colon..].contains('/') => &image[..colon],
        _ => image,
    }
}
