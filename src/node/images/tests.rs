use super::*;

fn pod(yaml: &str) -> Pod {
    let mut pod = Pod { spec: serde_yaml::from_str(yaml).unwrap(), ..Pod::default() };
    pod.metadata.namespace = "default".into();
    pod.metadata.labels.insert("app".into(), "web".into());
    pod
}

fn said(pod: &Pod, services: &[Service]) -> String {
    let word = |listener: &Listener| {
        let sure = if listener.basis.assumption().is_some() { "?" } else { "" };
        let local = if listener.loopback_only { "127.0.0.1:" } else { "" };
        format!("{}={local}{}/{}{sure}", listener.container, listener.port, listener.protocol.rule_name())
    };
    listens(pod, services.iter()).iter().map(word).collect::<Vec<_>>().join(" ")
}

fn check(container: &str, expected: &str) {
    assert_eq!(said(&pod(&format!("containers: [{{name: c, {container}}}]")), &[]), expected, "{container}");
}

fn service(target: &str) -> Service {
    let yaml = format!(
        "{{metadata: {{name: web, namespace: default}}, spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: {target}}}]}}}}"
    );
    serde_yaml::from_str(&yaml).unwrap()
}

#[test]
fn a_known_image_listens_on_its_own_port_whatever_container_port_says() {
    check("image: nginx, ports: [{containerPort: 8080}]", "c=80/tcp");
    check("image: 'docker.io/library/nginx:1.27@sha256:00'", "c=80/tcp");
    check("image: 'ghcr.io/subicura/counter:latest'", "c=3000/tcp");
    check("image: 'localhost:5000/redis'", "c=6379/tcp");
    check("image: 'us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0'", "c=8080/tcp");
    check(
        "image: 'registry.k8s.io/coredns/coredns:v1.14.2', args: [-conf, x]",
        "c=53/tcp c=8080/tcp c=8181/tcp c=9153/tcp c=53/udp",
    );
    check("image: 'kubehop.dev/ingress-controller:v1', ports: [{containerPort: 80}]", "c=80/tcp c=443/tcp");
    check("image: registry.k8s.io/pause, ports: [{containerPort: 80}]", "");
}

#[test]
fn a_mounted_configuration_makes_what_is_known_an_assumption() {
    let ports = "ports: [{containerPort: 8080}]";
    check(&format!("image: nginx, {ports}, volumeMounts: [{{name: c, mountPath: /etc/nginx/conf.d}}]"), "c=80/tcp? c=8080/tcp?");
    check(&format!("image: nginx, {ports}, volumeMounts: [{{name: c, mountPath: /usr/share/nginx/html}}]"), "c=80/tcp");
    check("image: redis, command: [redis-server, /conf/a], volumeMounts: [{name: c, mountPath: /conf}]", "c=6379/tcp?");
}

#[test]
fn rabbitmq_serves_a_page_where_its_tag_says_so() {
    check("image: 'rabbitmq:4'", "c=5672/tcp c=15692/tcp c=25672/tcp c=4369/tcp");
    check("image: 'rabbitmq:4-management-alpine'", "c=5672/tcp c=15692/tcp c=25672/tcp c=4369/tcp c=15672/tcp");
}

#[test]
fn arguments_move_a_known_program() {
    check("image: hashicorp/http-echo, args: ['-text=hi']", "c=5678/tcp");
    check("image: hashicorp/http-echo, args: ['-listen=:8080', '-text=hi']", "c=8080/tcp");
    check("image: traefik/whoami, args: [--port, '8080']", "c=8080/tcp");
    check("image: redis, command: [redis-server, --port, '7000']", "c=7000/tcp");
    check("image: redis, command: [sh, -c, 'exec redis-server --port 7000']", "c=7000/tcp");
    check("image: hashicorp/http-echo, args: ['-listen=127.0.0.1:5678']", "c=127.0.0.1:5678/tcp");
    check("image: redis, args: [redis-server, --bind, 127.0.0.1]", "c=127.0.0.1:6379/tcp");
    check("image: traefik/whoami, args: [--port, $(P)], env: [{name: P, value: '81'}]", "c=81/tcp");
}

#[test]
fn an_address_apart_from_the_port_keeps_the_program_to_itself() {
    let python = "image: python, command: [python, -m, http.server";
    check(&format!("{python}, '8000']"), "c=8000/tcp");
    check(&format!("{python}, --bind, 127.0.0.1, '8000']"), "c=127.0.0.1:8000/tcp");
    check("image: app, command: [uvicorn, 'main:app', --host, 127.0.0.1, --port, '3000']", "c=127.0.0.1:3000/tcp");
    check("image: app, command: [uvicorn, 'main:app', --host, 0.0.0.0, --port, '3000']", "c=3000/tcp");
    check("image: app, command: [python, manage.py, runserver, '8000']", "c=127.0.0.1:8000/tcp");
    check("image: app, command: [python, manage.py, runserver, '0.0.0.0:8000']", "c=8000/tcp");
}

#[test]
fn a_replaced_program_voids_the_image() {
    check("image: nginx, command: [sleep, '3600']", "");
    check("image: nginx, args: [sleep, '3600'], ports: [{containerPort: 80}]", "");
    check("image: nginx, command: [nginx, -g, 'daemon off;']", "c=80/tcp");
    check("image: redis, command: [redis-cli, -h, redis, -p, '6379', ping]", "");
    check("image: nginx, command: [python, -m, http.server, '9000']", "c=9000/tcp");
    check("image: nginx, command: [/bin/server], ports: [{containerPort: 81}]", "c=81/tcp?");
}

#[test]
fn agnhost_listens_by_its_subcommand() {
    check("image: registry.k8s.io/e2e-test-images/agnhost:2.53, args: [netexec]", "c=8080/tcp c=8081/udp");
    check("image: agnhost, args: [netexec, --http-port=80, --udp-port, '-1']", "c=80/tcp");
    check("image: agnhost, args: [serve-hostname]", "c=9376/tcp");
    check("image: agnhost, command: [/agnhost, serve-hostname, --port=80]", "c=80/tcp");
    check("image: agnhost, ports: [{containerPort: 80}]", "");
    check("image: agnhost, args: [pause]", "");
}

#[test]
fn an_unknown_image_is_assumed_to_listen_where_it_says() {
    check("image: fluent/fluentd, ports: [{containerPort: 9090}]", "c=24224/tcp? c=24224/udp? c=9090/tcp?");
    check(
        "image: mine, ports: [{containerPort: 53, protocol: UDP}], env: [{name: PORT, value: '8080'}]",
        "c=53/udp? c=8080/tcp?",
    );
    check("image: mine, args: [--port=9000], ports: [{containerPort: 8080}]", "c=9000/tcp");
    check("image: mine, args: [--metrics-port=9000], ports: [{containerPort: 8080}]", "c=9000/tcp c=8080/tcp?");
    check("image: mine, ports: [{containerPort: 99999}]", "");
}

#[test]
fn a_shell_listens_only_with_a_command_that_does() {
    check("image: busybox, ports: [{containerPort: 80}]", "");
    check("image: busybox, command: [sh, -c, 'while true; do nc -lk -p 8080 -e cat; done']", "c=8080/tcp");
    check("image: busybox, command: [sh, -c, 'httpd -f -p 8080']", "c=8080/tcp");
    check("image: busybox, command: [sh, -c, 'nc web 80']", "");
    check("image: alpine, command: [socat, 'TCP-LISTEN:9000,fork', EXEC:cat]", "c=9000/tcp");
}

#[test]
fn a_services_target_port_is_the_last_resort() {
    let unknown = pod("containers: [{name: c, image: mine}]");
    assert_eq!(said(&unknown, &[service("8080")]), "c=8080/tcp?");
    assert_eq!(said(&unknown, &[service("http")]), "");
    let declared = pod("containers: [{name: c, image: mine, ports: [{containerPort: 3000}]}]");
    assert_eq!(said(&declared, &[service("8080")]), "c=3000/tcp?");
    let nginx = pod("containers: [{name: c, image: nginx}, {name: side, image: busybox, command: [sleep, '1']}]");
    assert_eq!(said(&nginx, &[service("8080")]), "c=80/tcp");
}

#[test]
fn the_annotation_overrides_everything() {
    let mut pod = pod("containers: [{name: c, image: nginx}]");
    let mut with = |value: &str| {
        pod.metadata.annotations.insert(LISTEN.into(), value.into());
        said(&pod, &[])
    };
    assert_eq!(with("3000"), "c=3000/tcp");
    assert_eq!(with("127.0.0.1:3000, 53/udp"), "c=127.0.0.1:3000/tcp c=53/udp");
    assert_eq!(with("none"), "");
    assert_eq!(with("rubbish, 70000"), "");
}

#[test]
fn two_containers_of_a_pod_never_share_a_port() {
    let both = pod("containers: [{name: a, image: nginx}, {name: b, image: httpd}]");
    assert_eq!(said(&both, &[]), "a=80/tcp");
}

#[test]
fn a_port_that_two_probes_ask_is_most_likely_the_programs_own_for_its_health() {
    let probes = "livenessProbe: {httpGet: {path: /live, port: 8081}}, readinessProbe: {httpGet: {path: /ready, port: 8081}}";
    check(&format!("image: 'example.com/shop:1', ports: [{{containerPort: 8080}}], {probes}"), "c=8080/tcp? c=8081/tcp?");
    check(
        "image: 'example.com/shop:1', ports: [{containerPort: 8080}], readinessProbe: {tcpSocket: {port: 8081}}",
        "c=8080/tcp?",
    );
    // What a known program listens on is known.
    check(&format!("image: nginx, {probes}"), "c=80/tcp");
    let collector =
        "image: 'otel/opentelemetry-collector-contrib:0.97.0', command: [/otelcol-contrib, '--config=/conf/relay.yaml']";
    check(collector, "c=4317/tcp? c=4318/tcp? c=8888/tcp? c=13133/tcp?");
}
