//! Finds out, without running it, whether a condition reads only known facts, ends in true or false, and costs little.

use std::collections::BTreeSet;

use cel::{
    IdedExpr,
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators as op},
};

use super::facts::{FACTS, FactKind};

/// How many steps a condition may take for the largest entity.
const MAX_COST: u64 = 20_000;
/// How many elements a list or a map is taken to have; the catalog holds no more tags, labels or links.
const ELEMENTS: u64 = 100;

/// What is wrong with an expression, and with which node of it.
#[derive(Debug)]
pub(super) struct Fault {
    pub at: u64,
    pub reason: String,
}

/// Every fact that the condition reads: `findings.critical`, `entity.labels.team`.
pub(super) fn check(expression: &IdedExpr) -> Result<BTreeSet<String>, Fault> {
    let mut checker = Checker::default();
    let typed = checker.typed(expression)?;
    if !matches!(typed.kind, Type::Bool) {
        let reason = format!("it must be true or false, and is {}", typed.kind.words());
        return Err(Fault { at: expression.id, reason });
    }
    if typed.cost > MAX_COST {
        let reason = "it costs too much: a list within a list within a list; ask for less at once".to_owned();
        return Err(Fault { at: expression.id, reason });
    }
    Ok(checker.reads)
}

#[derive(Clone, Debug, PartialEq)]
enum Type {
    Bool,
    Int,
    Double,
    Text,
    Null,
    List(Box<Self>),
    /// From text to this.
    Map(Box<Self>),
    /// A group of facts: `findings`.
    Group(&'static str),
    /// Of an empty list.
    Any,
}

impl Type {
    fn words(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Int => "a whole number".to_owned(),
            Self::Double => "a number".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Null => "null".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Group(name) => format!("all of {name}; name one fact of it"),
            Self::Any => "anything".to_owned(),
        }
    }

    fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Int | Self::Double, Self::Int | Self::Double) => true,
            (Self::List(one), Self::List(other)) | (Self::Map(one), Self::Map(other)) => one.fits(other),
            (Self::Group(_), _) | (_, Self::Group(_)) => false,
            _ => self == other,
        }
    }
}

struct Typed {
    kind: Type,
    cost: u64,
}

#[derive(Default)]
struct Checker {
    reads: BTreeSet<String>,
    /// Variables of `exists`, `all` and their like, the innermost last.
    variables: Vec<(String, Type)>,
}

impl Checker {
    fn typed(&mut self, expression: &IdedExpr) -> Result<Typed, Fault> {
        let at = expression.id;
        let simple = |kind| Ok(Typed { kind, cost: 1 });
        match &expression.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => simple(Type::Bool),
                LiteralValue::Int(_) => simple(Type::Int),
                LiteralValue::Double(_) => simple(Type::Double),
                LiteralValue::String(_) => simple(Type::Text),
                LiteralValue::Null => simple(Type::Null),
                LiteralValue::Bytes(_) => Err(fault(at, "bytes are not used in conditions")),
                LiteralValue::UInt(_) => Err(fault(at, "write whole numbers without `u`")),
            },
            Expr::Ident(name) => self.variable(at, name),
            Expr::Select(select) => self.select(at, select),
            Expr::Call(call) => self.call(at, call),
            Expr::List(list) => {
                let mut kind = Type::Any;
                let mut cost = 1;
                for element in &list.elements {
                    let typed = self.typed(element)?;
                    if !kind.fits(&typed.kind) {
                        let reason = format!("a list of {} holds {}", kind.words(), typed.kind.words());
                        return Err(fault(element.id, reason));
                    }
                    if matches!(kind, Type::Any) {
                        kind = typed.kind;
                    }
                    cost += typed.cost;
                }
                Ok(Typed { kind: Type::List(Box::new(kind)), cost })
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.typed(&entry.key)?;
                        self.typed(&entry.value)?;
                    }
                }
                Err(fault(at, "maps are not made in conditions"))
            }
            Expr::Struct(_) => Err(fault(at, "objects are not made in conditions")),
            Expr::Unspecified => Err(fault(at, "part of it is missing")),
        }
    }

    fn variable(&self, at: u64, name: &str) -> Result<Typed, Fault> {
        if let Some((_, kind)) = self.variables.iter().rev().find(|(known, _)| known == name) {
            return Ok(Typed { kind: kind.clone(), cost: 1 });
        }
        let group = groups().into_iter().find(|group| *group == name);
        group
            .map(|group| Typed { kind: Type::Group(group), cost: 1 })
            .ok_or_else(|| fault(at, format!("`{name}` is not a fact; there are {}", groups().join(", "))))
    }

    fn select(&mut self, at: u64, select: &SelectExpr) -> Result<Typed, Fault> {
        let field = select.field.as_str();
        let operand = self.typed(&select.operand)?;
        let cost = operand.cost + 1;
        let kind = self.member(at, &select.operand, &operand.kind, field)?;
        Ok(Typed { kind: if select.test { Type::Bool } else { kind }, cost })
    }

    fn member(&mut self, at: u64, operand: &IdedExpr, kind: &Type, field: &str) -> Result<Type, Fault> {
        match kind {
            Type::Group(group) => {
                let name = format!("{group}.{field}");
                let Some(fact) = FACTS.iter().find(|fact| fact.name == name) else {
                    let known: Vec<&str> = FACTS.iter().filter_map(|fact| fact.name.strip_prefix(group)).collect();
                    let known = known.iter().filter_map(|name| name.strip_prefix('.')).collect::<Vec<_>>().join(", ");
                    return Err(fault(at, format!("`{name}` is not a fact; {group} has {known}")));
                };
                self.reads.insert(name);
                Ok(match fact.kind {
                    FactKind::Flag => Type::Bool,
                    FactKind::Number | FactKind::Age => Type::Int,
                    FactKind::Text => Type::Text,
                    FactKind::Texts => Type::List(Box::new(Type::Text)),
                    FactKind::Map => Type::Map(Box::new(Type::Text)),
                })
            }
            Type::Map(value) => {
                if let Some(map) = fact_name(operand) {
                    self.reads.remove(&map);
                    self.reads.insert(format!("{map}.{field}"));
                }
                Ok((**value).clone())
            }
            other => Err(fault(at, format!("{} has no `{field}`", other.words()))),
        }
    }

    fn call(&mut self, at: u64, call: &CallExpr) -> Result<Typed, Fault> {
        let name = call.func_name.as_str();
        let mut kinds = Vec::new();
        let mut cost = 1;
        for operand in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
            let typed = self.typed(operand)?;
            cost += typed.cost;
            kinds.push(typed.kind);
        }
        let wrong = || {
            let given: Vec<String> = kinds.iter().map(Type::words).collect();
            fault(at, format!("{} cannot be asked of {}", in_words(name), given.join(" and ")))
        };
        let flag = |kind: &Type| matches!(kind, Type::Bool | Type::Any);
        let number = |kind: &Type| matches!(kind, Type::Int | Type::Double | Type::Any);
        let text = |kind: &Type| matches!(kind, Type::Text | Type::Any);
        let kind = match (name, kinds.as_slice()) {
            (op::LOGICAL_AND | op::LOGICAL_OR, [one, other]) if flag(one) && flag(other) => Type::Bool,
            (op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE, [one]) if flag(one) => Type::Bool,
            (op::EQUALS | op::NOT_EQUALS, [one, other]) if one.fits(other) => Type::Bool,
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [one, other])
                if number(one) && number(other) || text(one) && text(other) =>
            {
                Type::Bool
            }
            (op::IN, [one, Type::List(element)]) if one.fits(element) => Type::Bool,
            (op::IN, [one, Type::Map(_)]) if text(one) => Type::Bool,
            (op::ADD, [Type::List(one), Type::List(other)]) if one.fits(other) => {
                Type::List(if **one == Type::Any { other.clone() } else { one.clone() })
            }
            (op::ADD, [one, other]) if text(one) && text(other) => Type::Text,
            (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE, [one, other]) if number(one) && number(other) => {
                if one != other {
                    return Err(fault(at, "write both numbers whole, or both with a point"));
                }
                one.clone()
            }
            (op::MODULO, [Type::Int, Type::Int]) => Type::Int,
            (op::NEGATE, [one]) if number(one) => one.clone(),
            (op::CONDITIONAL, [condition, one, other]) if flag(condition) && one.fits(other) => one.clone(),
            (op::INDEX, [Type::List(element), Type::Int]) => (**element).clone(),
            (op::INDEX, [kind, Type::Text]) => {
                let kind = kind.clone();
                return self.index(at, call, &kind).map(|kind| Typed { kind, cost });
            }
            ("size", [Type::List(_) | Type::Map(_) | Type::Text]) => Type::Int,
            ("startsWith" | "endsWith" | "contains", [one, other])
                if call.target.is_some() && text(one) && text(other) =>
            {
                Type::Bool
            }
            (known, _) if KNOWN.contains(&known) => return Err(wrong()),
            _ => {
                let reason = format!(
                    "`{name}` cannot be called; there are size, startsWith, endsWith, contains, has, exists, exists_one, all, filter and map"
                );
                return Err(fault(at, reason));
            }
        };
        Ok(Typed { kind, cost })
    }

    /// `entity["kind"]`, `entity.labels["team"]`
    fn index(&mut self, at: u64, call: &CallExpr, kind: &Type) -> Result<Type, Fault> {
        let [operand, key] = call.args.as_slice() else { return Err(fault(at, "an index needs one key")) };
        match (&key.expr, kind) {
            (Expr::Literal(LiteralValue::String(key)), _) => self.member(at, operand, kind, key.inner()),
            (_, Type::Map(value)) => Ok((**value).clone()),
            _ => Err(fault(at, "name the fact itself; it cannot be chosen by a value")),
        }
    }

    fn comprehension(&mut self, loops: &ComprehensionExpr) -> Result<Typed, Fault> {
        let range = self.typed(&loops.iter_range)?;
        let element = match range.kind {
            Type::List(element) => *element,
            Type::Map(_) => Type::Text,
            other => return Err(fault(loops.iter_range.id, format!("{} has no elements", other.words()))),
        };
        let first = self.typed(&loops.accu_init)?;
        let before = self.variables.len();
        self.variables.push((loops.iter_var.clone(), element.clone()));
        if let Some(second) = &loops.iter_var2 {
            self.variables.push((second.clone(), element));
        }
        self.variables.push((loops.accu_var.clone(), first.kind));
        let condition = self.typed(&loops.loop_cond)?;
        let step = self.typed(&loops.loop_step)?;
        // the first pass of a list that begins empty finds out what is in it
        if let Some(last) = self.variables.last_mut() {
            last.1 = step.kind;
        }
        let result = self.typed(&loops.result)?;
        self.variables.truncate(before);
        let each = condition.cost + step.cost;
        Ok(Typed { kind: result.kind, cost: range.cost + first.cost + each.saturating_mul(ELEMENTS) + result.cost })
    }
}

/// What is called by an operator or function that conditions may use.
const KNOWN: [&str; 23] = [
    op::LOGICAL_AND,
    op::LOGICAL_OR,
    op::LOGICAL_NOT,
    op::NOT_STRICTLY_FALSE,
    op::EQUALS,
    op::NOT_EQUALS,
    op::LESS,
    op::LESS_EQUALS,
    op::GREATER,
    op::GREATER_EQUALS,
    op::IN,
    op::ADD,
    op::SUBSTRACT,
    op::MULTIPLY,
    op::DIVIDE,
    op::MODULO,
    op::NEGATE,
    op::CONDITIONAL,
    op::INDEX,
    "size",
    "startsWith",
    "endsWith",
    "contains",
];

/// `_&&_` -> `&&`
fn in_words(operator: &str) -> String {
    match operator {
        op::INDEX => "an index".to_owned(),
        op::IN => "`in`".to_owned(),
        op::CONDITIONAL => "`? :`".to_owned(),
        other => format!("`{}`", other.trim_matches('_')),
    }
}

/// `entity.labels` of an expression that names it.
fn fact_name(expression: &IdedExpr) -> Option<String> {
    let Expr::Select(SelectExpr { operand, field, test: false }) = &expression.expr else { return None };
    let Expr::Ident(group) = &operand.expr else { return None };
    Some(format!("{group}.{field}"))
}

fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = FACTS.iter().filter_map(|fact| fact.name.split('.').next()).collect();
    groups.dedup();
    groups
}

fn fault(at: u64, reason: impl Into<String>) -> Fault {
    Fault { at, reason: reason.into() }
}
