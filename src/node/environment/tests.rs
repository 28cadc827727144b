use super::*;

fn store() -> Store {
    let mut store = Store::default();
    let services = [
        "{metadata: {name: redis, namespace: default}, spec: {clusterIP: 10.96.0.7, selector: {app: redis}, ports: [{port: 6379}]}}",
        "{metadata: {name: cart, namespace: shop}, spec: {clusterIP: 10.96.0.8, ports: [{port: 7070}]}}",
        "{metadata: {name: db, namespace: default}, spec: {clusterIP: None, ports: [{port: 5432}]}}",
        "{metadata: {name: self, namespace: default}, spec: {clusterIP: 10.96.0.9, selector: {app: web}, ports: [{port: 80}]}}",
        "{metadata: {name: otelcol, namespace: default}, spec: {clusterIP: 10.96.0.10, ports: [{port: 6831, protocol: UDP}, {port: 14250}, {port: 4317}, {port: 4318}]}}",
        "{metadata: {name: statsd, namespace: default}, spec: {clusterIP: 10.96.0.11, ports: [{port: 8125, protocol: UDP}]}}",
    ];
    for text in services {
        store.put::<Service>(serde_yaml::from_str(text).unwrap());
    }
    store.put::<ConfigMap>(
        serde_yaml::from_str("{metadata: {name: conf, namespace: default}, data: {CART_ADDR: 'cart.shop:7070'}}").unwrap(),
    );
    store.put::<Secret>(
        serde_yaml::from_str("{metadata: {name: key, namespace: default}, data: {url: cmVkaXM6Ly86cHdAcmVkaXMvMA==}}").unwrap(),
    );
    store
}

fn cluster(store: Store) -> Cluster {
    Cluster { store, ..Cluster::default() }
}

fn called(container: &str) -> String {
    let mut pod =
        Pod { spec: serde_yaml::from_str(&format!("containers: [{{name: c, {container}}}]")).unwrap(), ..Pod::default() };
    pod.metadata.namespace = "default".into();
    pod.metadata.labels.insert("app".into(), "web".into());
    calls(&pod, &cluster(store())).iter().map(|call| format!("{}={}", call.variable, call.target)).collect::<Vec<_>>().join(" ")
}

#[test]
fn host_and_port_variables_name_a_call() {
    assert_eq!(called("env: [{name: REDIS_HOST, value: redis}, {name: REDIS_PORT, value: '6380'}]"), "REDIS_HOST=redis:6380");
    assert_eq!(called("env: [{name: REDIS_HOST, value: redis}]"), "REDIS_HOST=redis:6379");
    assert_eq!(called("env: [{name: CART_ADDR, value: 'cart.shop:7070'}]"), "CART_ADDR=cart.shop:7070");
    assert_eq!(called("env: [{name: DB_HOST, value: db-0.db}]"), "DB_HOST=db-0.db:5432");
}

#[test]
fn of_several_ports_the_one_that_such_a_program_calls() {
    assert_eq!(called("env: [{name: JAEGER_HOST, value: otelcol}]"), "JAEGER_HOST=otelcol:14250", "no connection to a UDP port");
    assert_eq!(called("env: [{name: OTEL_COLLECTOR_HOST, value: otelcol}]"), "OTEL_COLLECTOR_HOST=otelcol:4317");
    let told = "env: [{name: COLLECTOR_HOST, value: otelcol}, {name: COLLECTOR_PORT_HTTP, value: '4318'}, {name: COLLECTOR_PORT_OLD, value: '1'}]";
    assert_eq!(called(told), "COLLECTOR_HOST=otelcol:4318");
    assert_eq!(
        called("env: [{name: AGENT_HOST, value: otelcol}, {name: AGENT_PORT, value: '6831'}]"),
        "AGENT_HOST=udp://otelcol:6831"
    );
    assert_eq!(called("env: [{name: STATSD_HOST, value: statsd}]"), "STATSD_HOST=udp://statsd:8125");
}

#[test]
fn connection_strings_name_a_call() {
    let one = |value: &str| called(&format!("env: [{{name: ConnectionStrings__shop, value: '{value}'}}]"));
    assert_eq!(one("Host=db;Port=5433;Username=me;Password=a=b;Database=shop"), "ConnectionStrings__shop=db:5433");
    assert_eq!(one("Server=tcp:db,1433;Initial Catalog=shop;User Id=sa;"), "ConnectionStrings__shop=db:1433");
    assert_eq!(one("Data Source=db\\SQLEXPRESS; Database=shop"), "ConnectionStrings__shop=db:5432");
    assert_eq!(one("host=db user=me dbname=shop"), "ConnectionStrings__shop=db:5432");
    assert_eq!(one("me:secret@tcp(db:3306)/shop?parseTime=true"), "ConnectionStrings__shop=db:3306");
    assert_eq!(one("jdbc:sqlserver://db:1433;databaseName=shop"), "ConnectionStrings__shop=db:1433");
    assert_eq!(one("redis:6379,abortConnect=false"), "ConnectionStrings__shop=redis:6379");
    assert_eq!(one("level=info format=json"), "");
    assert_eq!(one("host=db"), "", "a single pair may mean anything");
}

#[test]
fn urls_name_a_call() {
    assert_eq!(
        called("env: [{name: API, value: 'http://cart.shop.svc.cluster.local:7070/v1'}]"),
        "API=http://cart.shop.svc.cluster.local:7070/v1"
    );
    assert_eq!(called("env: [{name: DATABASE_URL, value: 'postgres://me:secret@db/app?x=1'}]"), "DATABASE_URL=db:5432");
    assert_eq!(called("env: [{name: JDBC, value: 'jdbc:postgresql://db:5433/app'}]"), "JDBC=db:5433");
}

#[test]
fn a_variable_named_after_a_protocol_calls_its_port() {
    assert_eq!(called("env: [{name: REDIS, value: redis}]"), "REDIS=redis:6379");
    assert_eq!(called("env: [{name: MYSQL, value: redis}]"), "MYSQL=redis:3306", "whatever port the Service has");
    assert_eq!(called("env: [{name: MYSQL_HOST, value: redis}, {name: DB_PORT, value: '6379'}]"), "MYSQL_HOST=redis:6379");
    assert_eq!(called("env: [{name: WORDPRESS_DB_HOST, value: db}]"), "WORDPRESS_DB_HOST=db:3306");
    assert_eq!(called("env: [{name: REDIS_SENTINEL_HOST, value: redis}]"), "REDIS_SENTINEL_HOST=redis:6379", "its only port");
    assert_eq!(called("env: [{name: MYSQL_EXPORTER_HOST, value: db}]"), "MYSQL_EXPORTER_HOST=db:5432", "no MySQL");
}

#[test]
fn a_call_is_kept_whose_service_is_not_there() {
    assert_eq!(called("env: [{name: REDIS_HOST, value: cache}]"), "REDIS_HOST=cache:6379");
    assert_eq!(called("env: [{name: REDIS, value: redsi}]"), "REDIS=redsi:6379", "a slip");
    assert_eq!(called("env: [{name: BACK_HOST, value: redsi}]"), "BACK_HOST=redsi:6379", "the port of the Service that is meant");
    assert_eq!(called("env: [{name: CART_ADDR, value: 'cart:7070'}]"), "CART_ADDR=cart:7070", "in another namespace");
    for none in
        ["REDIS, value: enabled", "REDIS, value: cache", "BACK_HOST, value: lost", "MODE, value: redsi", "DB_HOST, value: 'true'"]
    {
        assert_eq!(called(&format!("env: [{{name: {none}}}]")), "", "{none}");
    }
    for none in
        ["REDIS_DB, value: redsi", "RABBITMQ_VHOST, value: orders", "MYSQL_ROOT_HOST, value: '%'", "REDIS_HOST, value: localhost"]
    {
        assert_eq!(called(&format!("env: [{{name: {none}}}]")), "", "{none}");
    }
}

#[test]
fn command_lines_name_calls() {
    assert_eq!(called("command: [./podinfo, --port=80, '--cache-server=tcp://redis:6379']"), "--cache-server=redis:6379");
    assert_eq!(called("args: [--backend-url, 'http://cart.shop:7070/echo']"), "--backend-url=http://cart.shop:7070/echo");
    assert_eq!(called("args: [--db-host=db, --name=redis]"), "--db-host=db:5432");
    assert_eq!(called("env: [{name: D, value: db}], args: ['$(D):5433']"), "db:5433=db:5433");
    assert_eq!(called("command: [sh, -c, 'wget http://redis:6379']"), "");
}

#[test]
fn a_public_demo_calls_the_services_that_its_code_names() {
    assert_eq!(called("image: 'docker.io/weaveworksdemos/carts:0.4.8'"), "docker.io/weaveworksdemos/carts=carts-db:27017");
    assert_eq!(called("image: 'weaveworksdemos/catalogue-db:0.3.0'"), "");
    assert_eq!(called("image: 'registry:5000/gb-redis-follower@sha256:1'"), "registry:5000/gb-redis-follower=redis-leader:6379");
}

#[test]
fn values_that_name_no_service_call_nobody() {
    assert_eq!(called("env: [{name: MODE, value: redis}]"), "");
    assert_eq!(called("env: [{name: BACK_HOST, value: lost}, {name: LOST_ADDR, value: 'lost:7070'}]"), "");
    assert_eq!(called("env: [{name: API, value: 'https://example.com/'}, {name: ME, value: 'http://self/'}]"), "");
    assert_eq!(called("env: [{name: REDIS_ADDR, value: 'redis:many'}]"), "");
}

#[test]
fn references_config_maps_and_secrets_are_read() {
    assert_eq!(called("env: [{name: NAME, value: redis}, {name: X_ADDR, value: '$(NAME):6379'}]"), "X_ADDR=redis:6379");
    assert_eq!(called("env: [{name: X_ADDR, value: '$(REDIS_SERVICE_HOST):$(REDIS_SERVICE_PORT)'}]"), "X_ADDR=10.96.0.7:6379");
    assert_eq!(called("envFrom: [{configMapRef: {name: conf}}]"), "CART_ADDR=cart.shop:7070");
    assert_eq!(called("env: [{name: R, valueFrom: {secretKeyRef: {name: key, key: url}}}]"), "R=redis:6379");
}

#[test]
fn an_unknown_reference_stays_and_a_doubled_dollar_escapes() {
    let (values, links) = (BTreeMap::from([("A".to_string(), "1".to_string())]), BTreeMap::new());
    assert_eq!(expand("$(A) $(B) $$(A) $A $(", &values, &links), "1 $(B) $(A) $A $(");
}

/// A short text whose values double is not written out.
#[test]
fn values_that_name_each_other_stay_as_they_are_written_once_they_are_too_long() {
    let doubled = |index: usize| format!("{{name: V{}, value: '$(V{index})$(V{index})'}}", index + 1);
    let all: Vec<String> = (0..60).map(doubled).collect();
    let text = format!("containers: [{{name: c, env: [{{name: V0, value: ab}}, {}]}}]", all.join(", "));
    let spec: crate::api::core::PodSpec = serde_yaml::from_str(&text).unwrap();
    let pod = Pod { spec: spec.clone(), ..Pod::default() };
    let values = variables(&spec.containers[0], &pod, &Store::default());
    assert_eq!((values["V16"].len(), values["V17"].as_str()), (LONGEST, "$(V16)$(V16)"));
    assert!(values.values().map(String::len).sum::<usize>() < 2 * MOST);
}

#[test]
fn services_of_the_namespace_are_variables_unless_links_are_off() {
    let mut store = store();
    let api = "{metadata: {name: kubernetes, namespace: default}, spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, protocol: TCP}]}}";
    store.put::<Service>(serde_yaml::from_str(api).unwrap());
    let mut pod = Pod::default();
    pod.metadata.namespace = "shop".into();
    let links = service_links(&pod, &store);
    let value = |name: &str| links.get(name).map(String::as_str);
    assert_eq!(value("CART_SERVICE_HOST"), Some("10.96.0.8"));
    assert_eq!(value("CART_PORT"), Some("tcp://10.96.0.8:7070"));
    assert_eq!(value("CART_PORT_7070_TCP_ADDR"), Some("10.96.0.8"));
    assert_eq!(value("KUBERNETES_SERVICE_PORT_HTTPS"), Some("443"));
    assert_eq!(value("REDIS_SERVICE_HOST"), None);
    let same_name = "{metadata: {name: kubernetes, namespace: shop}, spec: {clusterIP: 10.96.0.99, ports: [{port: 1}]}}";
    let mut both = store.clone();
    both.put::<Service>(serde_yaml::from_str(same_name).unwrap());
    let links = service_links(&pod, &both);
    assert_eq!(links.get("KUBERNETES_SERVICE_HOST").map(String::as_str), Some("10.96.0.99"), "the namespace's own stands in");
    assert_eq!(links.get("KUBERNETES_SERVICE_PORT_HTTPS"), None);
    pod.spec.enable_service_links = Some(false);
    let names: Vec<String> = service_links(&pod, &store).into_keys().collect();
    assert!(names.iter().all(|name| name.starts_with("KUBERNETES_")) && names.len() == 8, "{names:?}");
}

#[test]
fn only_names_that_can_be_services_are_missed() {
    let missed = |env: &str| {
        let mut pod = Pod { spec: serde_yaml::from_str(&format!("containers: [{{name: c, {env}}}]")).unwrap(), ..Pod::default() };
        pod.metadata.namespace = "shop".into();
        nameless(&pod, &cluster(store()))
            .into_iter()
            .map(|call| format!("{}={}{}", call.variable, call.target, if call.doubtful { "?" } else { "" }))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(missed("env: [{name: R_HOST, value: lost}, {name: R_PORT, value: '6379'}]"), "R_HOST=lost:6379");
    assert_eq!(missed("env: [{name: R_HOST, value: lost}]"), "");
    assert_eq!(missed("env: [{name: R_URL, value: 'redis://lost.shop.svc:6379/0'}]"), "R_URL=lost.shop.svc:6379");
    assert_eq!(missed("env: [{name: R_ADDR, value: 'lost:6379'}, {name: IMAGE, value: 'nginx:1'}]"), "R_ADDR=lost:6379");
    assert_eq!(missed("env: [{name: R_ADDR, value: 'cart:7070'}]"), "");
    assert_eq!(
        missed("env: [{name: R_URL, value: 'https://example.com/'}, {name: H_URL, value: 'https://hooks.slack.co.kr'}]"),
        ""
    );
    // A namespace that nobody has written is as missing as a Service.
    assert_eq!(missed("env: [{name: API_URL, value: 'http://api.backend:8080'}]"), "API_URL=http://api.backend:8080");
    assert_eq!(missed("env: [{name: CACHE, value: 'cache.data:6379'}]"), "CACHE=cache.data:6379");
    // A word that is like a Service's name, where it may be a backend of another kind.
    assert_eq!(missed("env: [{name: BACKEND, value: crat}]"), "BACKEND=crat:7070?");
    // A module's path, an XML namespace and the program's own public address are nobody's to call.
    assert_eq!(missed("env: [{name: PYM, value: 'app.main:8000'}, {name: G, value: 'myproj.wsgi:8000'}]"), "");
    assert_eq!(missed("env: [{name: PKG, value: 'com.example:8080'}, {name: NS, value: 'http://schemas.xmlsoap/soap'}]"), "");
    assert_eq!(missed("env: [{name: GF_SERVER_ROOT_URL, value: 'http://grafana.local'}]"), "");
    assert_eq!(
        missed("env: [{name: BASE_URL, value: 'http://myapp.test/'}, {name: B, value: 'http://localhost.localdomain'}]"),
        ""
    );
    // A name of somebody's own network, or of no known kind, is doubtful; one like a Service's or a namespace's is not.
    assert_eq!(missed("env: [{name: EXT, value: 'https://keycloak.home/auth'}]"), "EXT=https://keycloak.home?");
    assert_eq!(missed("env: [{name: PUBLIC_URL, value: 'http://lost'}]"), "PUBLIC_URL=http://lost?");
    assert_eq!(missed("env: [{name: X, value: 'foo.bar:8000'}]"), "X=foo.bar:8000?");
    assert_eq!(missed("env: [{name: X, value: 'crat.bar:8000'}]"), "X=crat.bar:8000");
    // An address of somebody's own network, which nothing here has; the cluster's own and public ones are none.
    assert_eq!(missed("env: [{name: DB, value: 'postgres://u:p@10.20.30.40:5432/db'}]"), "DB=10.20.30.40:5432");
    assert_eq!(missed("env: [{name: CACHE, value: '172.31.5.6:6379'}]"), "CACHE=172.31.5.6:6379");
    assert_eq!(missed("env: [{name: A_ADDR, value: '10.96.7.7:80,10.244.1.5:80,8.8.8.8:53,127.0.0.1:80'}]"), "");
    assert_eq!(missed("env: [{name: AT, value: 'notes.txt:12'}, {name: IMAGE, value: 'registry.local:5000'}]"), "");
    assert_eq!(missed("env: [{name: LISTEN_ADDR, value: 'localhost:80,0.0.0.0:80'}, {name: MODE, value: 'a:1'}]"), "");
}

#[test]
fn a_reference_that_nothing_fills_is_named_with_its_cause() {
    let mut store = store();
    let headless = "{metadata: {name: far-away, namespace: shop}, spec: {clusterIP: None, ports: [{port: 1}]}}";
    store.put::<Service>(serde_yaml::from_str(headless).unwrap());
    let cluster = cluster(store);
    let said = |spec: &str| {
        let mut pod = Pod { spec: serde_yaml::from_str(spec).unwrap(), ..Pod::default() };
        pod.metadata.namespace = "shop".into();
        let ids: Vec<String> =
            unfilled(&pod, &cluster).iter().map(|(_, message)| message.id.replace("assume.unfilled.", "")).collect();
        ids.join(" ")
    };
    let env = |value: &str| format!("containers: [{{name: c, env: [{{name: BACK_URL, value: '{value}'}}]}}]");
    let cart = "http://$(CART_SERVICE_HOST):$(CART_SERVICE_PORT)";
    assert_eq!(said(&env(cart)), "");
    assert_eq!(said(&format!("{{enableServiceLinks: false, {}}}", env(cart))), "noLinks");
    assert_eq!(said(&env("http://$(REDIS_SERVICE_HOST):6379")), "elsewhere");
    assert_eq!(said(&env("$(FAR_AWAY_SERVICE_HOST):1")), "noAddress");
    assert_eq!(said(&env("http://$(LOST_SERVICE_HOST)")), "noService");
    assert_eq!(said(&env("http://$(CART_SERVICE_HOST):$(CART_SERVICE_PORT_WEB)")), "noPort");
    assert_eq!(said(&env("http://$(BACKEND)/")), "unknown");
    assert_eq!(said(&env("http://$$(LOST_SERVICE_HOST)")), "", "written so on purpose");
    let order = "containers: [{name: c, env: [{name: U, value: 'http://$(B)'}, {name: B, value: back}]}]";
    assert_eq!(said(order), "later");
    assert_eq!(said("containers: [{name: c, env: [{name: GREETING, value: 'cost: $(PRICE)'}]}]"), "");
    assert_eq!(said("containers: [{name: c, args: ['--to=$(LOST_SERVICE_HOST)', 'echo $(date)']}]"), "noService");
}
