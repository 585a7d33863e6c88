//! Whether damage is told of, and told well.

use crate::faults::broker::Broker;
use crate::faults::verdict::Trouble;

/// Whether metrics or the log tell of damage.
pub(super) async fn shows_damage(broker: &Broker) -> Result<bool, Trouble> {
    let answer = broker.admin().get("/metrics").await?;
    let metrics = String::from_utf8_lossy(&answer.body).into_owned();
    let is_shown = |line: &str| {
        let is_of_damage = !line.starts_with('#') && line.contains("damage");
        is_of_damage
            && line
                .rsplit(' ')
                .next()
                .is_some_and(|value| !matches!(value, "0" | "0.0"))
    };
    Ok(metrics.lines().any(is_shown) || broker.output().contains("damage"))
}

/// Whether that is a line about damage to a store, without its code, a file or what to do.
pub(super) fn is_untold(line: &str) -> bool {
    let is_of_damage = line.contains("\"level\":\"error\"") && line.contains("damage");
    let has = |what: &str| line.contains(what);
    let has_code = has("\"code\":\"W026\"") || has("\"code\":\"W027\"");
    is_of_damage && !(has_code && has("\"file\":\"") && has("\"help\":\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_about_damage_has_its_code_a_file_and_what_to_do() {
        let line =
            |rest: &str| format!("{{\"level\":\"error\",\"msg\":\"the store is damaged\"{rest}}}");
        assert!(is_untold(&line("")));
        assert!(is_untold(&line(",\"code\":\"W026\",\"file\":\"/a\"")));
        for code in ["W026", "W027"] {
            let whole = format!(",\"code\":\"{code}\",\"file\":\"/a\",\"help\":\"check the disk\"");
            assert!(!is_untold(&line(&whole)), "{code}");
        }
        assert!(!is_untold(
            "{\"level\":\"warn\",\"msg\":\"an index was damaged\"}"
        ));
    }
}
