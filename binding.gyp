{
  "targets": [
    {
      "target_name": "diptych",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake-js",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/diptych.node"],
          "action": ["node", "scripts/setup.mjs", "--native-only"]
        }
      ]
    }
  ]
}
