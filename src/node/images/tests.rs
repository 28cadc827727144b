use super::*;
use crate::api::core::ConfigMap;

fn pod(yaml: &str) -> Pod {
    let mut pod = Pod { spec: serde_yaml::from_str(yaml).unwrap(), ..Pod::default() };
    pod.metadata.namespace = "default".into();
    pod.metadata.labels.insert("app".into(), "web".into());
    pod
}

fn said(pod: &Pod, services: &[Service]) -> String {
    let mut store = Store::default();
    services.iter().cloned().for_each(|service| store.put(service));
    heard(pod, &store)
}

fn heard(pod: &Pod, store: &Store) -> String {
    let word = |listener: &Listener| {
        let sure = if listener.basis.assumption().is_some() { "?" } else { "" };
        let local = if listener.loopback_only { "127.0.0.1:" } else { "" };
        format!("{}={local}{}/{}{sure}", listener.container, listener.port, listener.protocol.rule_name())
    };
    listens(pod, store).iter().map(word).collect::<Vec<_>>().join(" ")
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
fn servers_of_frameworks_stay_at_home_unless_they_are_told_an_address() {
    check("image: app, command: [uvicorn, 'main:app', --port, '3000']", "c=127.0.0.1:3000/tcp?");
    check("image: app, args: [uvicorn, 'main:app'], ports: [{containerPort: 8000}]", "c=127.0.0.1:8000/tcp?");
    check("image: app, args: [uvicorn, 'main:app'], env: [{name: UVICORN_HOST, value: 0.0.0.0}]", "c=8000/tcp?");
    check("image: app, command: [sh, -c, 'flask db upgrade && flask run']", "c=127.0.0.1:5000/tcp?");
    check("image: app, command: [flask, run, --host=0.0.0.0, -p, '80']", "c=80/tcp");
    check("image: app, args: [flask, run], env: [{name: FLASK_RUN_PORT, value: '80'}]", "c=127.0.0.1:80/tcp?");
    check("image: app, command: [npx, ng, serve]", "c=127.0.0.1:4200/tcp");
    check("image: app, command: [ng, serve, --host, 0.0.0.0, --port, '80']", "c=80/tcp");
    check("image: app, command: [php, artisan, serve, '--host=0.0.0.0']", "c=8000/tcp?");
    check("image: app, command: [gunicorn, -k, uvicorn.workers.UvicornWorker, 'app:app']", "c=8000/tcp?");
}

#[test]
fn mongod_stays_at_home_without_its_images_entry_point() {
    check("image: 'mongo:3.6', command: [mongod, --replSet, rs0]", "c=127.0.0.1:27017/tcp");
    check("image: mongo, command: [sh, -c, 'mongod --port 27019']", "c=127.0.0.1:27019/tcp");
    check("image: mongo, args: [mongod, --replSet, rs0]", "c=27017/tcp");
    check("image: mongo, args: [--replSet, rs0]", "c=27017/tcp");
    check("image: mongo, command: [mongod, --replSet, rs0, --bind_ip_all]", "c=27017/tcp");
    check("image: mongo, command: [mongod, --bind_ip, 0.0.0.0]", "c=27017/tcp");
    check("image: 'mongo:3.4', command: [mongod, --replSet, rs0]", "c=27017/tcp");
    check("image: mongo, command: [mongod, -f, /etc/mongod.conf]", "c=27017/tcp");
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
    check("image: mine, ports: [{containerPort: 80}], env: [{name: SERVER_PORT, value: '9090'}]", "c=80/tcp? c=9090/tcp?");
    check("image: mine, args: [--port=9000], ports: [{containerPort: 8080}]", "c=9000/tcp c=8080/tcp?");
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
fn an_image_in_somebodys_own_folder_may_listen_where_it_declares() {
    check("image: quay.io/cilium/echoserver:1.10.1, ports: [{containerPort: 80}]", "c=8080/tcp? c=80/tcp?");
    check("image: 'registry.k8s.io/echoserver:1.4', ports: [{containerPort: 80}]", "c=8080/tcp");
    check("image: gcr.io/k8s-staging-ingressconformance/echoserver:v1, ports: [{containerPort: 3000}]", "c=3000/tcp");
    check("image: gcr.io/google-samples/hello-app:1.0, ports: [{containerPort: 80}]", "c=8080/tcp");
    check("image: docker.io/library/nginx, ports: [{containerPort: 8080}]", "c=80/tcp");
    check("image: example.com/shop/redis, ports: [{containerPort: 6379}]", "c=6379/tcp");
}

#[test]
fn a_port_that_a_service_expects_counts_where_the_configuration_names_it() {
    let httpd = pod("{volumes: [{name: conf, configMap: {name: web}}], \
                     containers: [{name: c, image: httpd, volumeMounts: [{name: conf, mountPath: /usr/local/apache2/conf}]}]}");
    let mut store = Store::default();
    let settings = "{metadata: {name: web, namespace: default}, data: {httpd.conf: Listen 8080}}";
    store.put::<ConfigMap>(serde_yaml::from_str(settings).unwrap());
    assert_eq!(heard(&httpd, &store), "c=80/tcp?");
    store.put(service("9090"));
    assert_eq!(heard(&httpd, &store), "c=80/tcp?");
    store.put(service("8080"));
    assert_eq!(heard(&httpd, &store), "c=80/tcp? c=8080/tcp?");
    let mut probed = httpd.clone();
    probed.metadata.labels.clear();
    assert_eq!(heard(&probed, &store), "c=80/tcp?");
    probed.spec.containers[0].readiness_probe = serde_yaml::from_str("{httpGet: {port: 8080}}").unwrap();
    assert_eq!(heard(&probed, &store), "c=80/tcp? c=8080/tcp?");
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
    // Where nothing else is known, one probe tells where its author expects the program.
    check("image: 'example.com/shop:1', readinessProbe: {tcpSocket: {port: 8081}}", "c=8081/tcp?");
    // What a known program listens on is known.
    check(&format!("image: nginx, {probes}"), "c=80/tcp");
    let collector =
        "image: 'otel/opentelemetry-collector-contrib:0.97.0', command: [/otelcol-contrib, '--config=/conf/relay.yaml']";
    check(collector, "c=4317/tcp? c=4318/tcp? c=8888/tcp? c=13133/tcp?");
}

#[test]
fn a_flag_for_one_port_takes_no_declared_port_away() {
    let spring =
        "args: [--server.port=8080, --management.server.port=8081], ports: [{containerPort: 8080}, {containerPort: 8081}]";
    check(&format!("image: 'example.com/orders:1', {spring}"), "c=8080/tcp c=8081/tcp");
    let keycloak = "args: [start, --http-port=8080], ports: [{containerPort: 8080}, {containerPort: 9000}]";
    check(&format!("image: 'quay.io/keycloak/keycloak:26.1', {keycloak}"), "c=8080/tcp c=9000/tcp?");
    check(
        "image: 'quay.io/metallb/controller:v0.15.2', args: [--port=7472], ports: [{containerPort: 9443}]",
        "c=7472/tcp c=9443/tcp?",
    );
    let podinfo = "command: [./podinfo, --port=9898, --port-metrics=9797, --grpc-port=9999]";
    check(&format!("image: 'ghcr.io/stefanprodan/podinfo:6.7.0', {podinfo}"), "c=9898/tcp c=9797/tcp c=9999/tcp");
    check("image: 'nats:2', args: [-p, '4223', -m, '8222'], ports: [{containerPort: 4222}]", "c=4223/tcp c=8222/tcp?");
    let thanos = "args: [sidecar, '--grpc-address=0.0.0.0:10901', '--http-address=0.0.0.0:10902']";
    check(&format!("image: thanos, {thanos}"), "c=10901/tcp c=10902/tcp");
}

#[test]
fn flags_that_say_whom_a_client_calls_open_nothing() {
    let declared = |args: &str| format!("image: 'example.com/worker:1', args: {args}, ports: [{{containerPort: 8080}}]");
    check(&declared("['--address=redis:6379']"), "c=8080/tcp?");
    check(&declared("['--http=http://api:9000']"), "c=8080/tcp?");
    check(&declared("[--server-port=5432, --address=db]"), "c=8080/tcp?");
    check(&declared("[worker, -h, db, -p, '5432']"), "c=8080/tcp?");
    check(&declared("['--listen=0.0.0.0:9000']"), "c=9000/tcp c=8080/tcp?");
}

#[test]
fn a_script_listens_where_its_server_does_whatever_its_other_commands_do() {
    let script = "echo starting; cut -d: -f1 /etc/hosts; seq 0 $((N - 1)); ping -W 1 -c 1 db; sleep 1; exec etcd --name a";
    check(&format!("image: etcd, command: [sh, -ec, '{script}'], ports: [{{containerPort: 2379}}]"), "c=2379/tcp?");
    check("image: mine, command: [sh, -c, 'echo hi && exec /app/server'], ports: [{containerPort: 80}]", "c=80/tcp?");
    check("image: mine, command: [sh, -c, 'while true; do date; sleep 1; done'], ports: [{containerPort: 80}]", "");
    check("image: mine, command: [sh, -c, 'until pg_isready -h db -p 5432; do sleep 1; done; sleep infinity']", "");
}

#[test]
fn a_tag_says_which_server_is_inside() {
    check("image: 'wordpress:6.6-fpm'", "c=9000/tcp");
    check("image: 'wordpress:php8.3-fpm-alpine'", "c=9000/tcp");
    check("image: 'wordpress:6.6'", "c=80/tcp");
    check("image: 'php:8.3-fpm'", "c=9000/tcp");
    check("image: 'php:8.3-apache'", "c=80/tcp");
    check("image: 'phpmyadmin/phpmyadmin:5'", "c=80/tcp");
    check("image: 'nginxdemos/nginx-hello:plain-text'", "c=8080/tcp");
    check("image: 'nginxdemos/hello:plain-text'", "c=80/tcp");
    check("image: 'bitnami/wordpress:6'", "c=8080/tcp c=8443/tcp");
    check("image: 'mysql:8.4'", "c=3306/tcp c=33060/tcp");
    check("image: 'mysql:5.7'", "c=3306/tcp");
    check("image: 'mariadb:11'", "c=3306/tcp");
    check("image: redis, args: [redis-server, --cluster-enabled, 'yes']", "c=6379/tcp c=16379/tcp");
}

#[test]
fn a_pod_of_the_nodes_network_that_is_asked_at_localhost_is_there() {
    let cilium = "hostNetwork: true, containers: [{name: c, image: cilium, ports: [{containerPort: 4244}], readinessProbe: {httpGet: {host: 127.0.0.1, port: 9879}}}]";
    assert_eq!(said(&pod(&format!("{{{cilium}}}")), &[]), "c=4244/tcp? c=127.0.0.1:9879/tcp?");
    let ordinary = cilium.replace("hostNetwork: true, ", "");
    assert_eq!(said(&pod(&format!("{{{ordinary}}}")), &[]), "c=4244/tcp?");
}

#[test]
fn only_of_a_known_program_is_it_known_where_it_does_not_listen() {
    let unsure = |container: &str| unsure(&pod(&format!("containers: [{{name: c, {container}}}]"))).is_some();
    assert!(unsure("image: mine, ports: [{containerPort: 80}]"));
    assert!(unsure("image: mine, args: [--port=80]"));
    assert!(unsure("image: nginx, volumeMounts: [{name: c, mountPath: /etc/nginx/conf.d}]"));
    assert!(!unsure("image: nginx"));
    assert!(!unsure("image: agnhost, args: [netexec]"));
    assert!(!unsure("image: mine, command: [python, -m, http.server, '80']"));
    assert!(!unsure("image: mine, command: [sleep, infinity]"));
}

#[test]
fn programs_that_nobody_knows_may_call_anybody() {
    let unknown = |spec: &str| {
        let pod: Pod =
            serde_yaml::from_str(&format!("metadata: {{name: p}}\nspec: {{containers: [{{name: c, {spec}}}]}}")).unwrap();
        unknown_program(&pod).map(str::to_string)
    };
    for known in [
        "image: nginx",
        "image: 'httpd:2.4'",
        "image: traefik/whoami",
        "image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: [netexec]",
        "image: 'redis:8'",
        "image: busybox, command: [nc, -lk, -p, '80']",
        "image: 'python:3.13', command: [python, -m, http.server, '8080']",
        "image: 'postgres:18', volumeMounts: [{name: c, mountPath: /etc/postgresql/conf}]",
    ] {
        assert_eq!(unknown(known), None, "{known}");
    }
    for (spec, image) in [
        ("image: 'example.com/shop:1'", "example.com/shop"),
        ("image: 'node:22', command: [node, server.js]", "node"),
        ("image: nginx, volumeMounts: [{name: c, mountPath: /etc/nginx/conf.d}]", "nginx"),
        ("image: nginx, command: [/app/server]", "nginx"),
    ] {
        assert_eq!(unknown(spec).as_deref(), Some(image), "{spec}");
    }
}
