//! How Step Functions names the members of service models.

/// Words that cannot name a variable in Java, in lower case.
const KEYWORDS: [&str; 53] = [
    "abstract",
    "assert",
    "boolean",
    "break",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extends",
    "false",
    "final",
    "finally",
    "float",
    "for",
    "goto",
    "if",
    "implements",
    "import",
    "instanceof",
    "int",
    "interface",
    "long",
    "native",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "short",
    "static",
    "strictfp",
    "super",
    "switch",
    "synchronized",
    "this",
    "throw",
    "throws",
    "transient",
    "true",
    "try",
    "void",
    "volatile",
    "while",
];

/// Methods that every object or every shape of the SDK for Java has.
const METHODS: [&str; 13] = [
    "builder",
    "equals",
    "finalize",
    "getClass",
    "hashCode",
    "notify",
    "notifyAll",
    "overrideConfiguration",
    "sdkFields",
    "sdkHttpResponse",
    "toBuilder",
    "toString",
    "wait",
];

/// What the SDK puts behind such a word.
const RESERVED_SUFFIX: &str = "Value";

const NULL: &str = "NULL";

/// Which of the two ways an integration names members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// AWS SDK integrations: the variable of the SDK for Java, its first letter large.
    Sdk,
    /// Optimized integrations: the service model's name, its first letter large.
    Optimized,
}

/// The name in Step Functions of the member that the service model calls `name`.
///
/// AWS: parameters are written in PascalCase even if the service's API is in camelCase
/// (developer guide, "Using AWS SDK service integrations").
pub(super) fn member(name: &str, naming: Naming) -> String {
    match naming {
        Naming::Optimized => capitalized(name),
        Naming::Sdk => capitalized(&java_variable(name)),
    }
}

/// Whether Step Functions calls the member `name` of the model `given`.
pub(super) fn is_member(name: &str, given: &str, naming: Naming) -> bool {
    // Most names are told apart by this, without writing the other one down.
    let is_near = name.eq_ignore_ascii_case(given)
        || name == NULL
        || given.strip_suffix(RESERVED_SUFFIX).is_some();
    is_near && member(name, naming) == given
}

fn java_variable(name: &str) -> String {
    // AWS: `NULL` of a DynamoDB value is named by hand in the SDK.
    if name == NULL {
        return "nul".to_owned();
    }
    let is_reserved =
        KEYWORDS.contains(&name.to_ascii_lowercase().as_str()) || METHODS.contains(&name);
    if is_reserved {
        return uncapitalized(&format!("{name}{RESERVED_SUFFIX}"));
    }
    uncapitalized(name)
}

/// `DBInstanceIdentifier` -> `dbInstanceIdentifier`, `ETag` -> `eTag`: an acronym is one word.
fn uncapitalized(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut small = 1;
    while chars.get(small).is_some_and(char::is_ascii_uppercase)
        && !chars.get(small + 1).is_some_and(char::is_ascii_lowercase)
    {
        small += 1;
    }
    let lower = |(index, c): (usize, &char)| {
        if index < small {
            c.to_ascii_lowercase()
        } else {
            *c
        }
    };
    chars.iter().enumerate().map(lower).collect()
}

fn capitalized(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |c| {
        c.to_ascii_uppercase().to_string() + chars.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::{Naming, is_member, member};

    #[test]
    fn an_sdk_integration_names_members_as_the_sdk_for_java() {
        for (api, sdk) in [
            ("stateMachineArn", "StateMachineArn"),
            ("DBInstanceIdentifier", "DbInstanceIdentifier"),
            ("SSEKMSKeyId", "SsekmsKeyId"),
            ("MD5OfMessageBody", "Md5OfMessageBody"),
            ("ETag", "ETag"),
            ("ARN", "Arn"),
            ("BOOL", "Bool"),
            ("NULL", "Nul"),
            ("S", "S"),
            ("equals", "EqualsValue"),
            ("Default", "DefaultValue"),
        ] {
            assert_eq!(member(api, Naming::Sdk), sdk);
            assert!(is_member(api, sdk, Naming::Sdk));
            assert!(!is_member("Other", sdk, Naming::Sdk));
        }
    }

    #[test]
    fn an_optimized_integration_keeps_the_name_of_the_model() {
        assert_eq!(
            member("MD5OfMessageBody", Naming::Optimized),
            "MD5OfMessageBody"
        );
        assert_eq!(member("taskArn", Naming::Optimized), "TaskArn");
    }
}
