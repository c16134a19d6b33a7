"""Whether the portal is as quick among a million imports as among a thousand (docs/scaling.md has the results)."""
