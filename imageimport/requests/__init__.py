"""Imports that wait for someone's approval: seen, approved, rejected, ended when no one decides."""
