//! Rust names of model names.

/// `EC2ErrorCode` -> `ec2_error_code`.
pub fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            snake.push('_');
            continue;
        }
        let begins_word = c.is_ascii_uppercase()
            && index > 0
            && (!chars[index - 1].is_ascii_uppercase()
                || chars.get(index + 1).is_some_and(char::is_ascii_lowercase));
        if begins_word && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// `AWS_OWNED-key` -> `AWS_OWNED_KEY`, for constants.
pub fn screaming(name: &str) -> String {
    // A value such as `TIMED_OUT` or `nodejs4.3-edge` is already in words.
    let snake = if name.chars().any(|c| c.is_ascii_lowercase()) {
        snake(name)
    } else {
        name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
    };
    let snake = snake.to_ascii_uppercase();
    if snake.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{snake}")
    } else {
        snake
    }
}

/// A snake-case name as identifier of a field.
pub fn field(name: &str) -> String {
    match snake(name).as_str() {
        keyword @ ("type" | "ref" | "match" | "mod" | "use" | "final" | "static" | "in") => {
            format!("r#{keyword}")
        }
        name => name.to_owned(),
    }
}

/// `FunctionName` -> `functionName`: how error texts name a member.
pub fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |c| {
        c.to_ascii_lowercase().to_string() + chars.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::{field, lower_first, screaming, snake};

    #[test]
    fn names_keep_their_words() {
        assert_eq!(snake("stateMachineArn"), "state_machine_arn");
        assert_eq!(snake("KMSKeyArn"), "kms_key_arn");
        assert_eq!(snake("EC2ErrorCode"), "ec2_error_code");
        assert_eq!(snake("CodeSha256"), "code_sha256");
        assert_eq!(field("type"), "r#type");
        assert_eq!(lower_first("FunctionName"), "functionName");
        assert_eq!(screaming("TIMED_OUT"), "TIMED_OUT");
        assert_eq!(screaming("nodejs22.x"), "NODEJS22_X");
        assert_eq!(screaming("ActivityFailed"), "ACTIVITY_FAILED");
    }
}
