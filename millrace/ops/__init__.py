"""Operations on a stage's data: dead letters, quarantine, archive, erasure, upgrade, projects and keys."""
