//! Names that fit their boxes.

/// Width of a character of the stage's monospaced face.
pub const MONO: f64 = 6.62;

/// The width of an identifier.
pub fn width(text: &str) -> f64 {
    text.chars().count() as f64 * MONO
}

/// A Pod's name for a box that wide: whole, else `web-…-x7k2p`, else its last part.
pub fn pod(name: &str, room: f64) -> String {
    if width(name) <= room {
        return name.to_string();
    }
    let Some((rest, last)) = name.rsplit_once('-') else { return cut(name, room) };
    // The first word is the workload's; the hash between tells nothing that the eye could use.
    let workload = rest.rsplit_once('-').map_or(rest, |(workload, _)| workload);
    let folded = format!("{workload}-…-{last}");
    if width(&folded) <= room {
        return folded;
    }
    let head = cut(workload, room - width(&format!("-{last}")));
    let tight = format!("{head}-{last}");
    if head.chars().count() > 3 && width(&tight) <= room { tight } else { cut(last, room) }
}

/// An address with its port for a box that wide. The port is what a learner compares with the Service's, so the front goes first:
/// the node says which part of the Pod network is its own.
pub fn address(text: &str, room: f64) -> String {
    let mut short = text.to_string();
    let mut rest = text;
    while width(&short) > room
        && let Some((_, tail)) = rest.split_once('.')
    {
        rest = tail;
        short = format!("….{tail}");
    }
    match text.rsplit_once(':') {
        Some((_, port)) if width(&short) > room => format!(":{port}"),
        _ => cut(&short, room),
    }
}

/// A Pod's name above the timeline, where nothing else tells whose it is: as on a card, but where its two ends have no room the
/// workload's name, because the last part alone says nothing there.
pub fn bracket(name: &str, room: f64) -> String {
    let short = pod(name, room);
    if short.contains('-') || !name.contains('-') { short } else { workload(name).to_string() }
}

/// The workload of a Pod by the Pod's name: without what a controller put behind it.
pub fn workload(pod: &str) -> &str {
    const RANDOM: &str = "bcdfghjklmnpqrstvwxz2456789";
    let random = |part: &str| part.chars().all(|letter| RANDOM.contains(letter));
    match pod.rsplit_once('-') {
        Some((set, last)) if !last.is_empty() && last.chars().all(|digit| digit.is_ascii_digit()) => set,
        Some((rest, last)) if last.len() == 5 && random(last) => match rest.rsplit_once('-') {
            Some((workload, hash)) if (8..=10).contains(&hash.len()) && random(hash) => workload,
            _ => rest,
        },
        _ => pod,
    }
}

/// A text for a box that wide: its start and an ellipsis where it does not fit.
pub fn cut(text: &str, room: f64) -> String {
    if width(text) <= room {
        return text.to_string();
    }
    let fits = ((room / MONO) as usize).saturating_sub(1);
    let mut short: String = text.chars().take(fits).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_name_keeps_its_telling_ends() {
        let name = "web-6d4cf56db6-x7k2p";
        assert_eq!(pod(name, 200.0), name);
        assert_eq!(pod(name, 110.0), "web-…-x7k2p");
        assert_eq!(pod(name, 50.0), "x7k2p");
        assert_eq!(pod("redis-0", 110.0), "redis-0");
        assert_eq!(pod("averylongnamewithouthyphens", 60.0), "averylon…");
    }

    #[test]
    fn an_address_keeps_its_port_where_there_is_little_room() {
        assert_eq!(address("10.244.1.192:8080", 113.0), "10.244.1.192:8080");
        assert_eq!(address("10.244.1.192:8080", 112.0), "….244.1.192:8080");
        assert_eq!(address("10.244.1.192:8080", 90.0), "….1.192:8080");
        assert_eq!(address("10.244.1.192:8080", 60.0), ":8080");
        assert_eq!(address("10.244.1.192", 80.0), "10.244.1.192");
    }

    #[test]
    fn a_bracket_says_whose_pod_it_is() {
        let name = "counter-74f7f78b6d-2gb8v";
        assert_eq!(bracket(name, 120.0), "counter-…-2gb8v");
        assert_eq!(bracket(name, 52.0), "counter");
    }

    #[test]
    fn a_workload_is_its_pod_s_name_without_what_controllers_add() {
        assert_eq!(workload("counter-74f7f78b6d-2gb8v"), "counter");
        assert_eq!(workload("node-agent-x7k2p"), "node-agent");
        assert_eq!(workload("redis-0"), "redis");
        assert_eq!(workload("my-client"), "my-client");
        assert_eq!(workload("web-shell"), "web-shell");
    }
}
