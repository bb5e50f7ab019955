//! Durations (`20m`, `1h30m`, `90s`) and money (`1.50 USD`) as files write them. Which of them are allowed where is `keys`'.

/// The seconds of a duration: whole numbers with `d`, `h`, `m` or `s`, the larger unit first, each at most once.
///
/// # Errors
/// What would be right, as a sentence.
pub fn parse_duration(text: &str) -> Result<u32, String> {
    let wrong = || {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("`{text}` has no unit; write `{text}s` for seconds or `{text}m` for minutes")
        } else {
            format!("`{text}` is no duration; write one like `90s`, `20m`, `1h30m` or `2d`")
        }
    };
    let mut units = [('d', 86_400_u32), ('h', 3_600), ('m', 60), ('s', 1)].into_iter();
    let mut rest = text;
    let mut seconds = 0_u32;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.chars().next().ok_or_else(wrong)?;
        let (_, factor) = units.find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(factor).and_then(|part| seconds.checked_add(part));
        seconds = part.ok_or_else(|| format!("`{text}` is longer than anything here may last"))?;
        rest = &tail[unit.len_utf8()..];
    }
    if text.is_empty() { Err(wrong()) } else { Ok(seconds) }
}

/// Seconds as [`parse_duration`] reads them.
pub fn duration_text(seconds: u32) -> String {
    let mut rest = seconds;
    let mut text = String::new();
    for (unit, factor) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        if rest >= factor {
            text.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Millionths of a dollar: a number with at most six decimals, a space, `USD`.
///
/// # Errors
/// What would be right, as a sentence.
pub fn parse_money(text: &str) -> Result<u64, String> {
    let Some(number) = text.strip_suffix("USD").map(str::trim_end) else {
        return Err(format!("`{text}` names no currency; write an amount like `1.50 USD`"));
    };
    let wrong = || format!("`{text}` is no amount of money; write one like `1.50 USD`, with at most six decimals");
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 6 {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let millionths: u64 = format!("{decimals:0<6}").parse().map_err(|_| wrong())?;
    whole.checked_mul(1_000_000).and_then(|whole| whole.checked_add(millionths)).ok_or_else(wrong)
}

/// Millionths of a dollar as [`parse_money`] reads them.
pub fn money_text(microusd: u64) -> String {
    let decimals = format!("{:06}", microusd % 1_000_000);
    let decimals = decimals.trim_end_matches('0');
    format!("{}.{decimals:0<2} USD", microusd / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, expected) in [("90s", Some(90)), ("20m", Some(1_200)), ("1h30m", Some(5_400)), ("2d", Some(172_800)), ("0s", Some(0))] {
            assert_eq!(parse_duration(text).ok(), expected, "{text}");
        }
        for text in ["", "20", "m", "30m1h", "1h1h", "1.5h", "-5m", "20 m", "5w", "99999999999s", "49711d", "1hé"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(parse_duration("20").unwrap_err(), "`20` has no unit; write `20s` for seconds or `20m` for minutes");
    }

    #[test]
    fn money_is_read_to_the_millionth() {
        for (text, expected) in [("1.50 USD", Some(1_500_000)), ("2 USD", Some(2_000_000)), ("0.000001USD", Some(1))] {
            assert_eq!(parse_money(text).ok(), expected, "{text}");
        }
        for text in [
            "",
            "1.50",
            "$1.50",
            "1,50 USD",
            "1.5.0 USD",
            "-1 USD",
            ".5 USD",
            "1. USD",
            "1.1234567 USD",
            "USD",
            "1 EUR",
            "99999999999999999999 USD",
        ] {
            assert!(parse_money(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(seconds: u32, microusd: u64) {
            prop_assert_eq!(parse_duration(&duration_text(seconds)), Ok(seconds));
            prop_assert_eq!(parse_money(&money_text(microusd)), Ok(microusd));
        }
    }
}
