//! Answers of the admin endpoint as tables.

use serde_json::Value;

/// A line for each limit of each budget.
pub(super) fn budgets(answer: &Value) -> String {
    let mut rows = vec![row([
        "BUDGET",
        "SUBJECT",
        "METER",
        "MODE",
        "ON FAILURE",
        "LIMIT",
        "UNIT",
        "WINDOW",
        "ZONE",
    ])];
    for budget in list(answer, "budgets") {
        for limit in list(budget, "limits") {
            rows.push(row([
                text(budget, "id"),
                text(budget, "subject"),
                text(budget, "meter"),
                text(budget, "mode"),
                text(budget, "onStoreFailure"),
                &figure(limit, "amount", text(budget, "unit")),
                shown_unit(text(budget, "unit")),
                text(limit, "window"),
                text(limit, "timeZone"),
            ]));
        }
    }
    if rows.len() == 1 {
        return "no budgets".to_string();
    }
    aligned(&rows)
}

/// A line for each account.
pub(super) fn accounts(answer: &Value) -> String {
    let mut rows = vec![row([
        "SUBJECT",
        "WINDOW",
        "ZONE",
        "LIMIT",
        "GRANTED",
        "USED",
        "HELD",
        "LEFT",
        "RESETS IN",
    ])];
    let unit = text(answer, "unit");
    for account in list(answer, "accounts") {
        rows.push(row([
            text(account, "subject"),
            text(account, "window"),
            text(account, "timeZone"),
            &figure(account, "limit", unit),
            &figure(account, "granted", unit),
            &figure(account, "used", unit),
            &figure(account, "held", unit),
            &figure(account, "remaining", unit),
            &duration(account["resetMs"].as_u64()),
        ]));
    }
    if rows.len() == 1 {
        return format!("nothing is used of {}", text(answer, "budget"));
    }
    let mut table = aligned(&rows);
    if answer["more"].as_bool() == Some(true) {
        table += "\n… and more (--max)";
    }
    table
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_string()).collect()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("-")
}

/// Before the currency, in the unit of a budget in money.
const MONEY: &str = "1e-12 ";

/// The currency of a budget in money, else the unit.
fn shown_unit(unit: &str) -> &str {
    unit.strip_prefix(MONEY).unwrap_or(unit)
}

/// A number; of money as an amount of the currency.
fn figure(value: &Value, name: &str, unit: &str) -> String {
    let Some(number) = value[name].as_u64() else {
        return "-".to_string();
    };
    if !unit.starts_with(MONEY) {
        return number.to_string();
    }
    let digits = format!("{number:013}");
    let (whole, rest) = digits.split_at(digits.len() - 12);
    match rest.trim_end_matches('0') {
        "" => whole.to_string(),
        rest => format!("{whole}.{rest}"),
    }
}

/// The two largest units: `3h 12m`.
fn duration(ms: Option<u64>) -> String {
    let Some(ms) = ms else {
        return "never".to_string();
    };
    let seconds = ms.div_ceil(1_000);
    let units = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let shown = units.iter().skip(first).take(2);
    let shown: Vec<String> = shown
        .filter(|(count, unit)| *count > 0 || (first == 3 && *unit == "s"))
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    shown.join(" ")
}

/// Columns as wide as their widest cell, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let is_number = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.'));
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            if is_number(cell) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        let cells: Vec<String> = cells.collect();
        cells.join("  ").trim_end().to_string()
    };
    let lines: Vec<String> = rows.iter().map(line).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{accounts, budgets, duration, figure, shown_unit};

    #[test]
    fn accounts_stand_in_columns() {
        let answer = json!({"budget": "default/daily", "accounts": [{
            "subject": "user:default/alice", "window": "Day", "timeZone": "UTC", "limit": 1000,
            "granted": 0, "used": 7, "held": 20, "remaining": 973, "resetMs": 3_661_000,
        }]});
        assert_eq!(
            accounts(&answer),
            "SUBJECT             WINDOW  ZONE  LIMIT  GRANTED  USED  HELD  LEFT  RESETS IN\n\
             user:default/alice  Day     UTC    1000        0     7    20   973  1h 1m",
        );
        let none = json!({"budget": "default/daily", "accounts": []});
        assert_eq!(accounts(&none), "nothing is used of default/daily");
    }

    #[test]
    fn budgets_have_a_line_for_each_limit() {
        let answer = json!({"budgets": [{"id": "default/daily", "subject": "User",
            "meter": "Total", "mode": "Strict", "onStoreFailure": "Closed", "unit": "tokens",
            "limits": [{"amount": 5, "window": "Minute", "timeZone": "UTC"},
                       {"amount": 10, "window": "Day", "timeZone": "UTC"}]}]});
        let table = budgets(&answer);
        assert_eq!(table.lines().count(), 3, "{table}");
        assert!(
            table.contains(
                "default/daily  User     Total  Strict  Closed          5  tokens  Minute"
            ),
            "{table}"
        );
    }

    #[test]
    fn money_is_shown_in_its_currency() {
        let account = json!({"a": 12_500_000_000_000_u64, "b": 1, "c": 0, "d": null});
        let of = |name| figure(&account, name, "1e-12 USD");
        assert_eq!(
            (of("a").as_str(), of("b").as_str()),
            ("12.5", "0.000000000001")
        );
        assert_eq!((of("c").as_str(), of("d").as_str()), ("0", "-"));
        assert_eq!(figure(&account, "b", "tokens"), "1");
        assert_eq!(
            (shown_unit("1e-12 USD"), shown_unit("tokens")),
            ("USD", "tokens")
        );
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (ms, text) in [
            (Some(0), "0s"),
            (Some(1), "1s"),
            (Some(61_000), "1m 1s"),
            (Some(3_600_000), "1h"),
            (Some(90_061_000), "1d 1h"),
            (None, "never"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }
}
