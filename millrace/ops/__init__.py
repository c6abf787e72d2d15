"""Operations on the data of a stage: dead letters, quarantine, archive, erasure, upgrade."""
