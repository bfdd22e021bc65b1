//! Icons by what they mean here; one thing has one icon everywhere.

use leptos::{prelude::*, tachys::html::InertElement};

pub use icondata::Icon;

macro_rules! icons {
    ($($name:ident = $lucide:ident;)+) => {
        $(pub static $name: Icon = icondata::$lucide;)+

        /// Each name with its icon, for the gallery.
        pub fn all() -> Vec<(&'static str, Icon)> {
            vec![$((stringify!($name), $name),)+]
        }
    };
}

icons! {
    HOME = LuHouse;
    CATALOG = LuLayoutGrid;
    ENVIRONMENT = LuServer;
    APPROVAL = LuCircleCheckBig;
    SECURITY = LuShieldAlert;
    SCORECARD = LuAward;
    INCIDENT = LuSiren;
    COMPLIANCE = LuListChecks;
    AUDIT = LuHistory;
    INTEGRATION = LuPlug;
    PEOPLE = LuUsers;
    KEY = LuKeyRound;

    COMPONENT = LuBox;
    API = LuCable;
    RESOURCE = LuDatabase;
    SYSTEM = LuBoxes;
    DOMAIN = LuGlobe;
    TEMPLATE = LuWorkflow;
    CUSTOM = LuShapes;
    LOCATION = LuMapPin;
    PERSON = LuUserRound;
    TEAM = LuUsersRound;
    FINDING = LuBug;
    PACKAGE = LuPackage;
    REPORT = LuFileText;
    CODE = LuCode;
    COMMIT = LuGitCommitHorizontal;
    DEPLOYMENT = LuRocket;
    MESSAGE = LuMessageSquare;
    MAIL = LuMail;
    TERMINAL = LuTerminal;

    SEARCH = LuSearch;
    FILTER = LuListFilter;
    COLUMNS = LuColumns3;
    BOOKMARK = LuBookmark;
    STAR = LuStar;
    BELL = LuBell;
    RUNNING = LuActivity;
    SETTINGS = LuSettings;
    SIGN_OUT = LuLogOut;
    MENU = LuMenu;
    FOLD = LuPanelLeft;
    MORE = LuEllipsis;
    ADD = LuPlus;
    CLOSE = LuX;
    EDIT = LuPencil;
    DELETE = LuTrash2;
    DOWNLOAD = LuDownload;
    UPLOAD = LuUpload;
    REFRESH = LuRefreshCw;
    EXTERNAL = LuExternalLink;
    LINK = LuLink;
    COPY = LuCopy;
    SHOW = LuEye;

    NEXT = LuChevronRight;
    PREVIOUS = LuChevronLeft;
    OPEN = LuChevronDown;
    UP = LuArrowUp;
    DOWN = LuArrowDown;
    BOTH_WAYS = LuArrowUpDown;

    GOOD = LuCircleCheck;
    ATTENTION = LuTriangleAlert;
    WRONG = LuCircleX;
    ALERT = LuCircleAlert;
    INFO = LuInfo;
    LOCK = LuLock;
    EMPTY = LuInbox;
    CLOCK = LuClock;
    CHECK = LuCheck;
    WAITING = LuHourglass;
}

/// An icon beside a text. It is never spoken: where it stands alone, its button or link carries the name. A list has
/// hundreds, so it is written as text: what all have in common is in the style sheet.
#[component]
pub fn Icon(of: Icon, #[prop(optional)] large: bool) -> impl IntoView {
    let class = if large { "icon icon-large" } else { "icon" };
    InertElement::new(format!("<svg viewBox=\"0 0 24 24\" class=\"{class}\" aria-hidden=\"true\">{}</svg>", of.data))
}

pub fn samples() -> impl IntoView {
    view! {
        <ul class="flex flex-wrap gap-4">
            {all()
                .into_iter()
                .map(|(name, of)| {
                    view! {
                        <li class="flex items-center gap-2 small muted">
                            <Icon of />
                            {name.to_lowercase().replace('_', " ")}
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_is_drawn_as_the_style_sheet_draws_it() {
        for (name, icon) in all() {
            assert_eq!(icon.view_box, Some("0 0 24 24"), "{name}");
            assert_eq!(
                (icon.fill, icon.stroke, icon.stroke_width),
                (Some("none"), Some("currentColor"), Some("2")),
                "{name}"
            );
            assert_eq!((icon.stroke_linecap, icon.stroke_linejoin), (Some("round"), Some("round")), "{name}");
        }
    }
}
