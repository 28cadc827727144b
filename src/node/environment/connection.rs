//! Connection strings that are no URLs, as drivers of databases read them: `Host=db;Port=5432` (ADO.NET), `Server=tcp:db,1433` (SQL
//! Server), `host=db port=5432` (libpq), `user:password@tcp(db:3306)/shop` (Go's MySQL driver).

/// The address in a connection string, as a URL.
pub(super) fn url(value: &str) -> Option<String> {
    if let Some((_, rest)) = value.split_once("@tcp(") {
        return Some(format!("tcp://{}", rest.split_once(')')?.0));
    }
    let parts: Vec<&str> = match value.contains(';') {
        true => value.split(';').filter(|part| !part.trim().is_empty()).collect(),
        false => value.split_whitespace().collect(),
    };
    let pairs: Option<Vec<(String, &str)>> = parts.into_iter().map(pair).collect();
    let pairs = pairs.filter(|pairs| pairs.len() > 1)?;
    let told = |keys: &[&str]| pairs.iter().find(|(key, _)| keys.contains(&key.as_str())).map(|(_, value)| *value);
    let host = told(&["host", "server", "data source", "datasource", "addr", "address"])?;
    let host = host.strip_prefix("tcp:").unwrap_or(host);
    // SQL Server parts a port by a comma, and an instance by a backslash.
    let (host, own) = host.split_once([',', ':']).unwrap_or((host, ""));
    let host = host.split('\\').next().unwrap_or(host);
    let port = [own, told(&["port"]).unwrap_or_default()].into_iter().find(|port| port.parse::<u16>().is_ok());
    Some(port.map_or_else(|| format!("tcp://{host}"), |port| format!("tcp://{host}:{port}")))
}

fn pair(part: &str) -> Option<(String, &str)> {
    let (key, value) = part.split_once('=')?;
    Some((key.trim().to_lowercase(), value.trim()))
}
