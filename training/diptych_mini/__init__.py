"""What diptych-mini is made of: sources, towers, class knowledge, graphs, measures."""
