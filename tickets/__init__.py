"""Work with a promise: tickets that group conversations, with number, status, priority, team and assignee."""
