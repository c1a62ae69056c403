import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import { importDirection } from './scripts/lib/import-direction.mjs';

export default tseslint.config(
  {
    ignores: [
      'node_modules/',
      'build*/',
      'dist/',
      'coverage/',
      'models/',
      'training/',
      'demo-output/',
      'test/fixtures/',
      'bench/results/',
      '**/.venv/',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.check.json' } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Spreading a string gives code points, which is what is wanted wherever it is done here.
      '@typescript-eslint/no-misused-spread': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { diptych: { rules: { 'import-direction': importDirection } } },
    rules: {
      'diptych/import-direction': 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['test/**/*.ts', 'examples/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // Misuse of the API is tested with values of the wrong type.
      '@typescript-eslint/no-unsafe-type-assertion': 'off',
    },
  },
  {
    // Values there are only made to have their types looked at.
    files: ['test/types/**/*.ts'],
    rules: { '@typescript-eslint/no-unused-vars': 'off' },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    languageOptions: {
      globals: {
        Buffer: 'readonly',
        URL: 'readonly',
        console: 'readonly',
        globalThis: 'readonly',
        module: 'writable',
        performance: 'readonly',
        process: 'readonly',
        require: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setImmediate: 'readonly',
        AbortController: 'readonly',
        Blob: 'readonly',
      },
    },
  },
);
