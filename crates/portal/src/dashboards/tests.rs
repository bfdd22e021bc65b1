//! What home and the dashboards count.
