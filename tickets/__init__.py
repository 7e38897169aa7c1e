"""Work with a promise: a ticket groups conversations and has a number, status, priority, team and assignee."""
