//! Calls that no variable names: addresses on a command line (`--backend-url=http://backend:9898`), and those of public demos whose
//! programs hold the names of the Services they call in their code.
//!
//! The demos' calls follow their sources: Istio's Bookinfo, Sock Shop (`weaveworksdemos`), the PHP guestbook, Docker's voting app
//! (`dockersamples`), the front end of kubernetes.io's "Connect a Frontend to a Backend", Stan's Robot Shop (`robotshop`),
//! podtato-head, Yelb (`mreferre`), Calico's YAO Bank and Bank of Anthos (`LedgerWriterController.java`).

use super::{By, Call, Seen, expand, service_links, target};
use crate::api::core::{Container, Pod};
use crate::cluster::Store;
use crate::node::images::{Nginx, Pass};
use std::collections::BTreeMap;

/// The image's repository behind its registry, with a tag where it matters, and whom its program calls.
const DEMOS: &[(&str, &[&str])] = &[
    ("examples-bookinfo-productpage-v1", &["http://details:9080", "http://reviews:9080"]),
    ("examples-bookinfo-reviews-v2", &["http://ratings:9080"]),
    ("examples-bookinfo-reviews-v3", &["http://ratings:9080"]),
    ("weaveworksdemos/front-end", &["http://catalogue", "http://carts", "http://user", "http://orders"]),
    ("weaveworksdemos/catalogue", &["catalogue-db:3306"]),
    ("weaveworksdemos/carts", &["carts-db:27017"]),
    ("weaveworksdemos/user", &["user-db:27017"]),
    ("weaveworksdemos/orders", &["orders-db:27017", "http://user", "http://carts", "http://payment", "http://shipping"]),
    ("weaveworksdemos/shipping", &["rabbitmq:5672"]),
    ("weaveworksdemos/queue-master", &["rabbitmq:5672"]),
    ("examplevotingapp_vote", &["redis:6379"]),
    ("examplevotingapp_worker", &["redis:6379", "db:5432"]),
    ("examplevotingapp_result", &["db:5432"]),
    ("google-samples/hello-frontend", &["http://hello"]),
    ("gb-frontend:v3", &["redis-master:6379", "redis-slave:6379"]),
    ("gb-frontend:v4", &["redis-master:6379", "redis-slave:6379"]),
    ("gb-frontend", &["redis-leader:6379", "redis-follower:6379"]),
    ("gb-redisslave", &["redis-master:6379"]),
    ("gb-redis-follower", &["redis-leader:6379"]),
    ("robotshop/rs-web", ROBOT_SHOP),
    ("robotshop/rs-catalogue", &["mongodb:27017"]),
    ("robotshop/rs-user", &["mongodb:27017", "redis:6379"]),
    ("robotshop/rs-cart", &["redis:6379", "http://catalogue:8080"]),
    ("robotshop/rs-shipping", &["mysql:3306", "http://cart:8080"]),
    ("robotshop/rs-ratings", &["mysql:3306", "http://catalogue:8080"]),
    ("robotshop/rs-payment", &["rabbitmq:5672", "http://cart:8080", "http://user:8080"]),
    ("robotshop/rs-dispatch", &["rabbitmq:5672"]),
    ("podtato-head/entry", PODTATO_HEAD),
    ("yelb-ui", &["http://yelb-appserver:4567"]),
    ("yelb-appserver", &["redis-server:6379", "yelb-db:5432"]),
    ("yaobank-customer", &["http://summary"]),
    ("yaobank-summary", &["http://database:2379"]),
];

const ROBOT_SHOP: &[&str] = &[
    "http://catalogue:8080",
    "http://user:8080",
    "http://cart:8080",
    "http://shipping:8080",
    "http://payment:8080",
    "http://ratings:80",
];

const PODTATO_HEAD: &[&str] = &[
    "http://podtato-head-hat:9001",
    "http://podtato-head-left-leg:9002",
    "http://podtato-head-left-arm:9003",
    "http://podtato-head-right-leg:9004",
    "http://podtato-head-right-arm:9005",
];

/// The demos' other programs: they call nobody.
const LEAVES: &[&str] = &[
    "examples-bookinfo-details-v1",
    "examples-bookinfo-ratings-v1",
    "examples-bookinfo-reviews-v1",
    "weaveworksdemos/payment",
    "weaveworksdemos/catalogue-db",
    "weaveworksdemos/user-db",
];

/// Calls that a variable turns on, whatever it says: the image, the variable, whom.
const TURNED_ON: &[(&str, &str, &str)] = &[("weaveworksdemos/front-end", "SESSION_REDIS", "session-db:6379")];

/// Whom widely known images call unless one of their variables says otherwise: docker-library's `wordpress`, `joomla`, `phpmyadmin` and
/// `mongo-express`, Elastic's `kibana`.
const UNTOLD: &[(&str, &[&str], &str)] = &[
    ("wordpress", &["WORDPRESS_DB_HOST", "WORDPRESS_DB_HOST_FILE"], "mysql:3306"),
    ("joomla", &["JOOMLA_DB_HOST", "JOOMLA_DB_HOST_FILE"], "mysql:3306"),
    ("phpmyadmin", &["PMA_HOST", "PMA_HOSTS", "PMA_ARBITRARY", "PMA_SOCKET", "PMA_SOCKETS"], "db:3306"),
    ("phpmyadmin/phpmyadmin", &["PMA_HOST", "PMA_HOSTS", "PMA_ARBITRARY", "PMA_SOCKET", "PMA_SOCKETS"], "db:3306"),
    ("mongo-express", &["ME_CONFIG_MONGODB_URL", "ME_CONFIG_MONGODB_SERVER"], "mongo:27017"),
    ("kibana/kibana", &["ELASTICSEARCH_HOSTS", "ELASTICSEARCH_URL"], "http://elasticsearch:9200"),
];

/// Of an image that calls somebody unless it is told whom: the variable that tells it.
pub fn untold_by(image: &str) -> Option<&'static str> {
    untold(image).and_then(|(variables, _)| variables.first().copied())
}

fn untold(image: &str) -> Option<(&'static [&'static str], &'static str)> {
    let name = repository(image);
    let name = ["docker.io/", "index.docker.io/", "docker.elastic.co/", "library/"]
        .iter()
        .fold(name, |name, prefix| name.strip_prefix(prefix).unwrap_or(name));
    UNTOLD.iter().find(|(own, ..)| *own == name).map(|(_, variables, target)| (*variables, *target))
}

/// What a demo's program reads of the variables that one ConfigMap brings to several of them.
const READS: &[(&str, &[&str])] = &[("ledgerwriter", &["BALANCES_API_ADDR", "SPRING_DATASOURCE_URL"])];

/// Whether the program of an image may read a variable that it is given with many others.
pub(super) fn reads(image: &str, variable: &str) -> bool {
    let known = READS.iter().find(|(name, _)| is_named(image, name));
    known.is_none_or(|(_, variables)| variables.contains(&variable))
}

/// Whether nobody here knows what the program of an image reads.
pub(super) fn is_unknown(image: &str) -> bool {
    !is_demo(image) && READS.iter().all(|(name, _)| !is_named(image, name))
}

/// Whether the program of an image is one of those whose calls are known.
pub(super) fn is_demo(image: &str) -> bool {
    DEMOS.iter().map(|(name, _)| name).chain(LEAVES).any(|name| is_named(image, name))
}

/// Whether an image is this one, with or without its tag, behind whatever registry.
fn is_named(image: &str, name: &str) -> bool {
    let reference = image.split('@').next().unwrap_or_default();
    let ends = |text: &str| text.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    ends(repository(image)) || ends(reference)
}

/// A word of a command line.
pub(super) struct Word {
    /// The flag that it belongs to, as a variable's name is written; empty: none.
    pub name: String,
    /// What to call it.
    pub shown: String,
    pub value: String,
    pub field: String,
}

/// The words of one container's command line, flags without a value left out.
pub(super) fn words(
    index: usize,
    container: &Container,
    values: &BTreeMap<String, String>,
    pod: &Pod,
    known: &Store,
) -> Vec<Word> {
    let mut found = Vec::new();
    let links = service_links(pod, known);
    let mut flag = "";
    for (list, words) in [("command", &container.command), ("args", &container.args)] {
        for (at, word) in words.iter().enumerate() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) if name.starts_with('-') => (name, value),
                _ => (flag, word.as_str()),
            };
            flag = if word.starts_with('-') && !word.contains('=') { word } else { "" };
            // A script is a text of its own: who is called in it, and when, cannot be told.
            if value.contains(char::is_whitespace) {
                continue;
            }
            let value = expand(value, values, &links);
            let shown = if name.is_empty() { value.clone() } else { name.to_string() };
            let field = format!("spec.containers[{index}].{list}[{at}]");
            found.push(Word { name: name.replace(['-', '.'], "_"), shown, value, field });
        }
    }
    found
}

/// The calls of one container's command line and image.
pub(super) fn calls(index: usize, container: &Container, values: &BTreeMap<String, String>, seen: Seen) -> Vec<Call> {
    let words = words(index, container, values, seen.pod, seen.known).into_iter();
    let call = |word: Word| {
        let target = target(&word.name, &word.value, values, seen)?;
        Some(Call { variable: word.shown, target, field: word.field, by: By::Argument })
    };
    words.filter_map(call).chain(of_image(index, container, values)).collect()
}

/// To whom the configuration of a web server passes requests.
pub(super) fn passed(container: &Container, seen: Seen) -> Vec<Call> {
    let Some(nginx) = Nginx::of(seen.pod, container, seen.known) else { return Vec::new() };
    let call = |(address, pass): (String, &Pass)| {
        let target = target("", &address, &BTreeMap::new(), seen)?;
        Some(Call { variable: pass.at.clone(), target, field: pass.field.clone(), by: By::Configuration })
    };
    nginx.targets().into_iter().filter_map(call).collect()
}

/// The calls that the program of a container's image is known for.
pub(super) fn of_image(index: usize, container: &Container, values: &BTreeMap<String, String>) -> Vec<Call> {
    let known = DEMOS.iter().find(|(name, _)| is_named(&container.image, name));
    let call = |target: &&str| Call {
        variable: repository(&container.image).to_string(),
        target: target.to_string(),
        field: format!("spec.containers[{index}].image"),
        by: By::Image,
    };
    let on = |name: &str| values.get(name).is_some_and(|value| !value.is_empty());
    let turned_on = TURNED_ON.iter().filter(|(image, variable, _)| is_named(&container.image, image) && on(variable));
    let always = known.iter().flat_map(|(_, targets)| targets.iter());
    // Another program, a configuration of its own, or a variable from where nobody can read, may name another.
    let plain = container.command.is_empty() && container.args.is_empty();
    let told = |name: &&str| values.contains_key(*name) || container.env.iter().any(|own| own.name == **name);
    let mounted = container.volume_mounts.iter().filter_map(|mount| mount.get("mountPath")?.as_str());
    let configured = { mounted }.any(|path| path.contains("conf"));
    let untold = untold(&container.image).filter(|(names, _)| plain && !configured && !names.iter().any(told));
    let untold = untold.map(|(_, target)| target);
    always.chain(turned_on.map(|(_, _, target)| target)).chain(untold.iter()).map(call).collect()
}

/// `docker.io/istio/examples-bookinfo-ratings-v1:1.20.3` without its tag or digest.
fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}
