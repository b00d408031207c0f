"""The departments' room: drafts, approvals, requests to the other rooms, the authority's signatures."""
