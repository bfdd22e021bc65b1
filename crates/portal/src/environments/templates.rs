//! What is done to templates: applying files, reading and retiring.

use model::{FieldError, environment::TemplateView};
use serde::Serialize;
use sqlx::PgConnection;

use super::{
    sql,
    template::{self, Template},
};
use crate::{
    Portal,
    authz::{
        Action, ActionName, Actor, Facts, Lock, ORGANISATION, Organisation, Reference, Resource, ResourceKind, Snapshot,
    },
    error::{Error, Result},
};

impl Resource for Template {
    type Id = String;
    const KIND: ResourceKind = ResourceKind::Template;

    async fn load(connection: &mut PgConnection, name: &String, _: Lock) -> Result<Option<Self>> {
        sql::template(connection, name).await
    }

    fn facts(&self) -> Facts {
        Facts::default()
    }

    fn reference(&self) -> Reference {
        Reference { id: self.name.clone(), name: self.name.clone() }
    }
}

/// Applying and retiring templates.
pub struct EditTemplates;

impl Action for EditTemplates {
    const NAME: ActionName = ActionName::TemplateEdit;
    type Target = Organisation;
    type Change = Vec<Edited>;
}

/// What became of one template, by the revisions before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edited {
    pub template: String,
    pub before: Option<String>,
    /// None: it can no longer be asked for.
    pub after: Option<String>,
}

/// A file as given.
#[derive(Clone, Debug)]
pub struct File {
    pub name: String,
    pub text: String,
}

/// Applies all templates of all files, or none. What is asked for already keeps the revision that it was asked with.
///
/// # Errors
/// `Invalid`, with every wrong place: the field is `FILE:LINE`, the message begins with the field in the file.
pub async fn apply(portal: &Portal, actor: &Actor, files: &[File]) -> Result<Vec<Edited>> {
    let mut permit = portal.authorize(actor, EditTemplates, ORGANISATION).await?;
    let templates = read_files(files)?;
    let mut edited = Vec::new();
    for template in &templates {
        let before = sql::template(&mut permit, &template.name).await?.map(|before| before.revision);
        if before.as_ref() == Some(&template.revision) {
            continue;
        }
        sql::apply_template(&mut permit, template, portal.clock.now()).await?;
        edited.push(Edited { template: template.name.clone(), before, after: Some(template.revision.clone()) });
    }
    if !edited.is_empty() {
        permit.commit(edited.clone()).await?;
    }
    Ok(edited)
}

/// Takes a template from the form; environments made from it stay.
///
/// # Errors
/// `NotFound` where there is none of that name.
pub async fn retire(portal: &Portal, actor: &Actor, name: &str) -> Result<Edited> {
    let mut permit = portal.authorize(actor, EditTemplates, ORGANISATION).await?;
    let before = sql::template(&mut permit, name).await?.ok_or(Error::NotFound("template"))?;
    sql::retire_template(&mut permit, name).await?;
    let edited = Edited { template: name.to_owned(), before: Some(before.revision), after: None };
    permit.commit(vec![edited.clone()]).await?;
    Ok(edited)
}

/// The templates that can be asked for, by title.
///
/// # Errors
/// `Unauthenticated` where nobody is signed in.
pub async fn list(snapshot: &mut Snapshot) -> Result<Vec<TemplateView>> {
    super::signed_in(snapshot)?;
    let mut visible = snapshot.visible(ActionName::TemplateRead)?;
    if !visible.scope.everything {
        return Ok(Vec::new());
    }
    Ok(sql::templates(&mut visible).await?.iter().map(Template::view).collect())
}

/// One template, with the source that it was applied from.
///
/// # Errors
/// `NotFound` where there is none of that name.
pub async fn read(snapshot: &mut Snapshot, name: &str) -> Result<Template> {
    snapshot.read(ActionName::TemplateRead, name.to_owned()).await
}

fn read_files(files: &[File]) -> Result<Vec<Template>> {
    let mut templates: Vec<Template> = Vec::new();
    let mut errors = Vec::new();
    for file in files {
        match template::read(&file.text) {
            Ok(read) => {
                for template in read {
                    if templates.iter().any(|other| other.name == template.name) {
                        let message = format!("metadata.name: another file states {} too", template.name);
                        errors.push(FieldError::new(format!("{}:1", file.name), message));
                    }
                    templates.push(template);
                }
            }
            Err(wrong) => errors.extend(wrong.into_iter().map(|wrong| {
                let separator = if wrong.field.is_empty() { "" } else { ": " };
                let message = format!("{}{separator}{}", wrong.field, wrong.reason);
                FieldError::new(format!("{}:{}", file.name, wrong.line), message)
            })),
        }
    }
    if files.is_empty() {
        errors.push(FieldError::new("files", "choose at least one template file"));
    }
    if errors.is_empty() { Ok(templates) } else { Err(Error::Invalid(errors)) }
}
